"""Batches in the store: one holder at a time, each line once, and what a cancel does."""

import pytest

from tests.unit.store.batches.batch_world import TENANT, World


@pytest.fixture(autouse=True)
def _stored(world: World) -> None:
    world.store("in")


def test_one_process_holds_a_batch(world: World) -> None:
    """Others get none while its lease runs; when it gives the batch back, or is silent, another gets it."""
    world.create("b")

    assert (world.take("me"), world.take("you")) == ("b", None)
    assert world.hold("b", "me").text("status") == "validating"
    assert [world.hold("b", "me", seconds).word for seconds in (0, 10)] == ["OK", "LOST"]
    assert world.take("you") == "b"
    assert world.hold("b", "me").word == "LOST"
    world.lease_expires("b")
    assert world.take("me") == "b"


def test_a_batch_whose_holder_died_does_not_wait_for_a_clock_that_was_set_back(world: World) -> None:
    """A holder that lives has the time to renew its lease."""
    world.create("b")
    world.take("me", 1)
    seconds = world.redis.time()[0]
    world.redis.zadd(f"{world.prefix}:batches", {"b": seconds + 3600}, xx=True)

    assert world.take("you", 5) is None

    assert world.redis.zscore(f"{world.prefix}:batches", "b") <= seconds + 10
    world.lease_expires("b")
    assert world.take("you", 5) == "b"


def test_who_lost_a_batch_writes_nothing(world: World) -> None:
    """A process that was frozen comes back, and another has gone on."""
    world.create("b")
    world.take("me")
    world.lease_expires("b")
    world.take("you")

    assert world.line("b", "me", 1) == "LOST"
    assert world.set("b", "me", "completed", ended=True).word == "LOST"
    assert world.record("b")["status"] == "validating"
    assert world.line("b", "", 1) == "LOST"  # nobody holds a batch that was given back
    world.hold("b", "you", 0)
    assert world.line("b", "", 1) == "LOST"


def test_each_line_has_one_outcome(world: World) -> None:
    """Whoever does a line again writes nothing: not in the other file either; and the counts are right."""
    world.create("b")
    world.take("me")

    written = [world.line("b", "me", 1), world.line("b", "me", 1), world.line("b", "me", 1, "errors")]
    assert written == ["OK", "KNOWN", "KNOWN"]
    assert world.line("b", "me", 2, "errors") == "OK"
    record = world.record("b")
    assert [record[name] for name in ("completed", "failed", "input_tokens", "output_tokens")] == ["1", "1", "4", "6"]
    assert world.redis.hgetall(world.keys.pieces("b-out")) == {"1": "line 1\n"}
    assert 1000 < world.redis.ttl(world.keys.pieces("b-out")) <= 1100


def test_the_files_of_a_batch_are_bounded(world: World) -> None:
    """A line that is too much is not written, and can be told in the other file."""
    world.create("b")
    world.take("me")
    world.line("b", "me", 1)

    assert world.line("b", "me", 2, most=10) == "FULL"
    assert world.line("b", "me", 2, "errors", most=10) == "OK"


def test_a_batch_that_is_cancelled_ends_cancelled(world: World) -> None:
    """Whatever its holder was about to say."""
    world.create("b")
    world.take("me")

    assert world.cancel("b").word == "OK"
    assert world.set("b", "me", "in_progress").text("status") == "cancelling"
    assert world.set("b", "me", "completed", ended=True).text("status") == "cancelled"
    record = world.record("b")
    assert int(record["cancelled_at"]) >= int(record["cancelling_at"])
    assert "completed_at" not in record
    assert world.cancel("b").text("status") == "cancelled"
    assert 0 < world.redis.ttl(world.keys.batch("b")) <= 100
    assert world.take("you") is None


@pytest.mark.parametrize(("batch", "tenant"), [("b", "other"), ("c", TENANT)])
def test_another_tenants_batch_is_not_there(world: World, batch: str, tenant: str) -> None:
    """It is cancelled by nobody else."""
    world.create("b")

    assert world.cancel(batch, tenant).word == "MISSING"
    assert world.record("b")["status"] == "validating"


def test_a_batch_needs_a_file_of_its_tenant_for_batches(world: World) -> None:
    """Another tenant's is as one that is not there."""
    world.store("out", purpose="batch_output")

    assert world.create("b", "none").word == "NO_FILE"
    assert world.create("b", "in", tenant="other").word == "NO_FILE"
    assert world.create("b", "out").text("purpose") == "batch_output"
    assert world.take("me") is None


def test_a_batch_that_nobody_ran_leaves_nothing(world: World) -> None:
    """Each key has a time; the indexes forget what is gone."""
    world.create("gone", seconds=5, ttl=5)
    assert all(world.redis.ttl(key) > 0 for key in world.redis.scan_iter(f"{world.prefix}:*"))
    world.redis.delete(world.keys.batch("gone"))  # as when its time is over

    assert world.take("me") is None
    assert world.redis.exists(f"{world.prefix}:batches") == 0
    world.create("b")
    assert world.redis.zrange(world.keys.batches(TENANT), 0, -1) == ["b"]
