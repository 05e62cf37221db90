"""Celery's remote control: who may do what by it, and what comes over its channel that is no command."""

import json
import os
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery

from tests.commands import run
from tests.conftest import MODEL
from tests.faults.assertions import assert_completed
from tests.faults.malformed import encode
from tests.faults.site import HOST, Site
from tests.service import wait_until
from tests.worker_process import CHECKOUT, WorkerProcess

REFUSED = {
    "shutdown": {},
    "rate_limit": {"task_name": "llamaq.generate", "rate_limit": "1/h"},
    "time_limit": {"task_name": "llamaq.generate", "hard": 1},
    "pool_grow": {"n": 1},
    "pool_shrink": {"n": 2},
    "pool_restart": {},
    "autoscale": {"max": 1, "min": 1},
    "add_consumer": {"queue": "somebody"},
    "cancel_consumer": {"queue": "llamaq"},
    "revoke": {"task_id": "x"},
    "terminate": {"signal": "KILL", "task_id": "x"},
    "revoke_by_stamped_headers": {"headers": {"a": "b"}},
    "disable_events": {},
    "election": {"id": "x", "topic": "y"},
    "hello": {"from_node": "x", "revoked": {"y": 1}},
    "memdump": {},
    "objgraph": {},
}


def make_client(site: Site) -> Celery:
    """Make an operator's application, with the name of this prefix' mailbox."""
    app = Celery("operator", broker=site.url, set_as_current=False)
    app.conf.control_exchange = site.prefix
    return app


@pytest.fixture
def listening(calm: Site) -> Site:
    """The calm site, once its worker listens: it is ready for jobs a moment before."""
    wait_until(lambda: publish(calm, "") == 1)
    return calm


@pytest.fixture
def operator(listening: Site) -> Iterator[Celery]:
    """One for the shared worker."""
    with make_client(listening) as app:
        yield app


def publish(site: Site, text: str) -> int:
    """Publish on the channel; how many workers heard it."""
    return int(site.redis.publish(f"/0.{site.keys.mailbox()}", text))


def build_command(site: Site, **changes: Any) -> dict[str, Any]:
    """Build a command as it is published, with parts of its body replaced."""
    body = {"method": "ping", "arguments": {}, "destination": None, "pattern": None, "matcher": None} | changes
    exchange = {"exchange": site.keys.mailbox(), "routing_key": ""}
    return {
        "body": encode(body),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"clock": 1, "expires": 0},
        "properties": {"delivery_tag": "x", "delivery_info": exchange, "body_encoding": "base64"},
    }


def build_malformed(site: Site) -> dict[str, str]:
    """What is wrong, and what is published."""
    good = build_command(site)
    texts = {
        "no JSON": "not json",
        "nested too deeply": "[" * 100_000,
        "a value that is not of its type": '{"__type__": "decimal", "__value__": "abc"}',
        "a type that kombu does not know": '{"__type__": ["x"], "__value__": 1}',
        "a number": "5",
        "more parts than can be parsed": "[" + "[]," * 5_000_000 + "[]]",
    }
    messages = {
        "no properties": good | {"properties": {}},
        "pickle": good | {"content-type": "application/x-python-serialize"},
        "no base64": good | {"body": "!!!"},
        "a body of another type": good | {"body": encode([1])},
        "a body nested too deeply": good | {"body": encode(b"[" * 100_000)},
        "such a value in the body": good | {"body": encode({"__type__": "decimal", "__value__": "abc"})},
        "an unknown compression": good | {"headers": {"compression": "rot13"}},
        "no such command": build_command(site, method="os.system"),
        "a command that is no text": build_command(site, method=["ping"]),
        "half a surrogate pair": build_command(site, method="\ud800"),
        "arguments that are none": build_command(site, arguments=[1]),
        "a destination that is none": build_command(site, destination="everybody"),
        "a regular expression": build_command(site, pattern="(a+)+$", matcher="pcre"),
        "a reply to no queue": build_command(site, reply_to="x", ticket="x"),
        "a reply to another exchange": build_command(
            site, reply_to={"exchange": "celery", "routing_key": "x"}, ticket="x"
        ),
    }
    return texts | {fault: json.dumps(message) for fault, message in messages.items()}


def test_what_is_no_command_is_set_aside(listening: Site) -> None:
    """Whatever it is, the worker goes on; it is in the dead-letter stream with the reason."""
    for fault, text in build_malformed(listening).items():
        before = listening.redis.xlen(listening.keys.dead())
        assert publish(listening, text) == 1, fault
        wait_until(lambda before=before: listening.redis.xlen(listening.keys.dead()) == before + 1)  # type: ignore[misc]  # its default
        ((_, letter),) = listening.redis.xrevrange(listening.keys.dead(), count=1)
        assert (letter["source"], letter["id"]) == ("control", ""), fault
        assert letter["reason"], fault
    assert_completed(listening.queue.generate(MODEL, "behind them"), attempt=1)


def test_wrong_arguments_of_a_command_harm_nothing(calm: Site, operator: Celery) -> None:
    """Celery calls the command with whatever came: the asker gets an error, and the worker goes on."""
    for arguments in ({"state": 1}, {"nobody": 1}, {"ids": 5}, {"ids": {"a": [1]}}, {"taskinfoitems": 7}):
        for method in ("ping", "query_task", "registered", "active", "conf"):
            publish(calm, json.dumps(build_command(calm, method=method, arguments=arguments)))
    publish(calm, json.dumps(build_command(calm) | {"headers": {"clock": 10**400}}))

    assert operator.control.ping(timeout=20, limit=1)
    assert_completed(calm.queue.generate(MODEL, "behind them"), attempt=1)


@pytest.mark.parametrize("name", REFUSED)
def test_a_command_that_changes_a_worker_is_refused(calm: Site, operator: Celery, name: str) -> None:
    """Who can publish on the channel is no operator yet. The answer says what would allow it, or what to do instead."""
    (reply,) = operator.control.broadcast(name, arguments=REFUSED[name], reply=True, timeout=20, limit=1)

    ((_, answer),) = reply.items()
    assert answer["error"].startswith(f"{name} is refused")
    assert ("llamaq cancel" if "revoke" in name or name == "terminate" else "LLAMAQ_ALLOW_CONTROL") in answer["error"]
    assert_completed(calm.queue.generate(MODEL, "behind it"), attempt=1)


@pytest.mark.usefixtures("listening")
def test_commands_of_another_application_do_not_reach_the_worker(calm: Site) -> None:
    """On the same database, under Celery's default name or another prefix: nobody listens there."""
    for namespace in ("celery", "another"):
        with Celery("stranger", broker=calm.url, set_as_current=False) as app:
            app.conf.control_exchange = namespace
            app.control.shutdown()
            assert app.control.ping(timeout=0.3) == []
        assert calm.redis.publish(f"/0.{namespace}.pidbox", "[" * 100_000) == 0
    assert_completed(calm.queue.generate(MODEL, "behind it"), attempt=1)


def inspect_worker(site: Site, *arguments: str) -> str:
    """Run `celery -A worker.app inspect`: what it prints; it ends as soon as the one that is asked has answered."""
    environment = {**os.environ, "LLAMAQ_REDIS_URL": site.url, "LLAMAQ_PREFIX": site.prefix}
    command = [sys.executable, "-m", "celery", "-A", "worker.app", "inspect", *arguments, "-t", "30"]
    command += ["-d", site.workers[0].node]
    done = run(command, cwd=CHECKOUT, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


@pytest.mark.usefixtures("listening")
def test_a_worker_can_be_asked_by_celerys_own_command(calm: Site) -> None:
    """As before: its status is printed as one, and not as an error."""
    status = inspect_worker(calm, "llamaq_status")
    assert '"circuit": "closed"' in status
    assert HOST in status
    assert "ERROR" not in status
    assert "1 node online" in inspect_worker(calm, "ping")


def test_a_worker_answers_the_questions_of_celery(calm: Site, operator: Celery) -> None:
    """Those that `celery inspect` and Flower ask."""
    node = calm.workers[0].node
    asked = operator.control.inspect([node], timeout=20)
    assert asked.ping() == {node: {"ok": "pong"}}
    assert "prefetch_count" in asked.stats()[node]
    assert asked.active() == {node: []}


def test_a_setting_allows_the_commands(own_site: Site) -> None:
    """With LLAMAQ_ALLOW_CONTROL=1 a worker ends at `shutdown`; a revoked task stays refused."""
    worker: WorkerProcess = own_site.start_worker(allow_control=1)
    wait_until(lambda: publish(own_site, "") == 1)
    with make_client(own_site) as app:
        (reply,) = app.control.broadcast(
            "revoke", arguments={"task_id": str(uuid.uuid4())}, reply=True, timeout=20, limit=1
        )
        assert "llamaq cancel" in str(reply)
        app.control.shutdown()
    assert worker.wait() == 0
