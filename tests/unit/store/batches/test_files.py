"""Files in the store: their lifetime, the bytes of a tenant, and what reads them."""

import pytest

from llamaq.store.batches.batch_scripts import FileStore
from tests.unit.store.batches.batch_world import TENANT, World


def test_a_file_lives_for_its_time_with_all_that_tells_of_it(world: World) -> None:
    """Record, pieces and the tenant's indexes all expire, so a forgotten file leaves nothing behind."""
    assert world.store("a", ["one\n", "two"]).word == "OK"

    kept = world.redis.hgetall(world.keys.file("a"))
    assert (kept["bytes"], kept["pieces"], kept["purpose"]) == ("7", "1", "batch")
    assert int(kept["expires_at"]) - int(kept["created_at"]) == 100
    lives = {key: world.redis.ttl(key) for key in world.redis.scan_iter(f"{world.prefix}:*")}
    assert len(lives) == 5
    assert all(99 <= seconds <= 102 for seconds in lives.values()), lives


def test_a_file_that_is_stored_twice_counts_once(world: World) -> None:
    """A process that lost the answer stores again."""
    assert [world.store("a").word for _ in range(2)] == ["OK", "OK"]
    assert world.redis.get(f"{world.keys.files(TENANT)}:bytes") == "3"


def test_the_files_of_a_tenant_are_bounded_together(world: World) -> None:
    """Another tenant's do not count, nor do those that are deleted or expired."""
    world.store("a", ["x" * 60])
    world.store("other", ["x" * 60], tenant="other")

    full = world.store("b", ["x" * 60], most_bytes=100)

    assert (full.word, full.integer("bytes")) == ("FULL", 60)
    assert not world.redis.exists(world.keys.file("b"))
    assert world.delete("a").word == "OK"
    assert world.store("b", ["x" * 60], most_bytes=100).word == "OK"
    world.redis.delete(world.keys.file("b"), world.keys.pieces("b"))
    world.redis.zadd(f"{world.keys.files(TENANT)}:ends", {"b 60": 1})  # as when its time is over
    assert world.store("c", ["x" * 60], most_bytes=100).word == "OK"
    assert world.redis.zrange(world.keys.files(TENANT), 0, -1) == ["c"]


def test_pieces_that_have_expired_make_no_file(world: World) -> None:
    """An upload that took too long is no file with holes."""
    assert world.store("a", []).word == "OK"  # an empty file has none
    assert world.delete("a").word == "OK"
    gone = FileStore(id="b", tenant=TENANT, filename="f", purpose="batch", bytes=1, pieces=0, ttl=9, most_bytes=0)
    assert world.run(gone).word == "GONE"


@pytest.mark.parametrize(("name", "tenant"), [("a", "other"), ("b", TENANT)])
def test_a_tenant_deletes_its_own_files_alone(world: World, name: str, tenant: str) -> None:
    """Another's is as one that is not there."""
    world.store("a")

    assert world.delete(name, tenant).word == "MISSING"
    assert world.redis.exists(world.keys.file("a"), world.keys.pieces("a")) == 2


def test_the_input_of_an_open_batch_is_not_deleted(world: World) -> None:
    """It is when the batch has ended; and it lives as long as the batch may run."""
    world.store("in")
    world.create("b", seconds=1000, ttl=100)

    busy = world.delete("in")

    assert (busy.word, busy.text("batch")) == ("BUSY", "b")
    assert world.redis.ttl(world.keys.pieces("in")) > 1000
    world.create("c")
    assert [world.take("me"), world.take("you")] == ["b", "c"]
    world.set("c", "you", "completed", ended=True)
    assert world.delete("in").text("batch") == "b"  # the other one
    world.set("b", "me", "completed", ended=True)
    assert world.delete("in").word == "OK"
    assert world.redis.exists(world.keys.pieces("in")) == 0
