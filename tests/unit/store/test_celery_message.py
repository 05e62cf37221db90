"""The message that the scheduler sends: the form that Celery itself gives it, in the same step that gives the slot."""

import json
from typing import Any

import pytest
from celery import Celery

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import Fleet

HOST = 'ho"st/7 ä:11434'
LEFT_OUT = {"shadow", "group_index", "replaced_task_nesting", "stamped_headers", "stamps"}
"""Headers that Celery may leave out too, as older versions do."""


@pytest.fixture
def sent(fleet: Fleet) -> dict[str, Any]:
    """The message of an assigned job, on a host whose name needs escaping."""
    fleet.add_host(HOST)
    job = fleet.submit()
    (text,) = fleet.redis.lrange(fleet.keys.host_queue(HOST), 0, -1)
    message: dict[str, Any] = json.loads(text)
    assert message["headers"]["id"] == job.id
    return message


def test_it_is_what_celery_sends(fleet: Fleet, redis_server: EmbeddedRedis, sent: dict[str, Any]) -> None:
    """Field by field, beside those of the sender; the body is the same JSON, not wrapped in base64."""
    job_id = sent["headers"]["id"]
    with Celery("sender", broker=redis_server.url, set_as_current=False) as app:
        queue = fleet.keys.host_queue(HOST)
        app.send_task("llamaq.generate", args=[job_id], task_id=job_id, queue=queue, ignore_result=True)
    theirs = json.loads(fleet.redis.lpop(queue))

    headers = {name: value for name, value in theirs["headers"].items() if name not in LEFT_OUT}
    assert sent["headers"] == headers | {"origin": "llamaq"}
    assert json.loads(sent["body"]) == [[job_id], {}, dict.fromkeys(("callbacks", "errbacks", "chain", "chord"))]
    properties = {name: value for name, value in theirs["properties"].items() if name != "body_encoding"}
    own = {"reply_to": "", "delivery_tag": sent["properties"]["delivery_tag"]}
    assert sent["properties"] == properties | own
    assert {name: sent[name] for name in ("content-type", "content-encoding")} == {
        name: theirs[name] for name in ("content-type", "content-encoding")
    }


def test_a_job_that_is_placed_again_has_a_message_with_a_tag_of_its_own(fleet: Fleet) -> None:
    """Kombu notes messages in hand by their tags: two with one tag would be acknowledged as one."""
    store = fleet.add_host("alpha")
    job = fleet.submit()
    fleet.expire_lease(job.id)
    store.reap()

    texts = fleet.redis.lrange(fleet.keys.host_queue("alpha"), 0, -1)
    assert len({json.loads(text)["properties"]["delivery_tag"] for text in texts}) == 2


def test_a_job_that_waits_has_none(fleet: Fleet) -> None:
    """There are never more messages than slots."""
    fleet.add_host("alpha", slots=1)
    jobs = [fleet.submit() for _ in range(3)]

    assert [message.job_id for message in fleet.take_messages()] == [jobs[0].id]
