"""Messages that nobody can run are set aside; the worker that meets them goes on."""

import pytest

from llamaq import JobFailed
from tests.conftest import MODEL
from tests.faults.assertions import assert_completed
from tests.faults.malformed import build_entries, build_messages
from tests.faults.site import HOST, Site
from tests.service import wait_until


def count_dead_letters(site: Site) -> int:
    """Count the messages in the dead-letter stream."""
    return int(site.redis.xlen(site.keys.dead()))


def assert_others_run(site: Site) -> None:
    """A job behind the bad message completes."""
    assert_completed(site.queue.generate(MODEL, "behind it"), attempt=1)


@pytest.mark.parametrize("where", ["intake", "host"])
@pytest.mark.parametrize("fault", build_messages())
def test_in_a_list_of_the_broker(calm: Site, fault: str, where: str) -> None:
    """Whatever is wrong with it: it is in the dead-letter stream, with the reason, and nothing of it stays behind."""
    queue = calm.keys.intake_queue() if where == "intake" else calm.keys.host_queue(HOST)
    before = count_dead_letters(calm)

    calm.redis.lpush(queue, build_messages()[fault])

    wait_until(lambda: count_dead_letters(calm) == before + 1)
    ((_, letter),) = calm.redis.xrevrange(calm.keys.dead(), count=1)
    assert letter["source"] == "celery"
    assert letter["reason"]
    assert_others_run(calm)
    if letter["id"]:
        with pytest.raises(JobFailed) as caught:
            calm.queue.job(letter["id"]).result(60)
        assert caught.value.code == "invalid_request"
    wait_until(lambda: calm.redis.llen(queue) == 0 and not calm.redis.hlen(f"{calm.prefix}.unacked"))


@pytest.mark.parametrize("fault", build_entries())
def test_in_the_inbox(calm: Site, fault: str) -> None:
    """The same, and where the id can be read a reader of the job learns that it failed."""
    before = count_dead_letters(calm)

    calm.redis.xadd(calm.keys.inbox(), build_entries()[fault])

    wait_until(lambda: count_dead_letters(calm) == before + 1)
    ((_, letter),) = calm.redis.xrevrange(calm.keys.dead(), count=1)
    assert letter["source"] == "inbox"
    assert_others_run(calm)
    wait_until(lambda: calm.redis.xlen(calm.keys.inbox()) == 0)
    if "tool call" in fault:
        assert "messages.0.tool_calls.0.x" in letter["reason"]
    if letter["id"]:
        with pytest.raises(JobFailed) as caught:
            calm.queue.job(letter["id"]).result(60)
        assert caught.value.code == ("model_not_found" if "nobody has" in fault else "invalid_request")
