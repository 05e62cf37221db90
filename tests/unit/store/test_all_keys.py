"""Whichever key something else has written over, no verb fails for it, and all jobs end."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis.exceptions import RedisError

from embedded.redis import EmbeddedRedis
from llamaq.vocabulary.errors import BrokerUnavailable, LlamaqError
from tests.unit.store.all_keys import AllKeys
from tests.unit.store.test_damaged_keys import overwrite

SHARES = 8
Worlds = Callable[[], Iterator[tuple[str, AllKeys]]]


@pytest.fixture
def worlds(redis_server: EmbeddedRedis, prefix: str, share: int) -> Iterator[Worlds]:
    """A fleet for each key of a share of all keys."""
    made: list[AllKeys] = []

    def make() -> Iterator[tuple[str, AllKeys]]:
        made.append(AllKeys(redis_server.url, f"{prefix}-first"))
        names = made[0].names()
        assert len(names) > 80
        for number, name in enumerate(names[share::SHARES]):
            made.append(AllKeys(redis_server.url, f"{prefix}-{number}"))
            yield name, made[-1]

    yield make
    for world in made:
        world.close()


@pytest.mark.parametrize("share", range(SHARES))
def test_no_verb_fails_for_a_key_of_another_type(worlds: Worlds) -> None:
    """The script that meets it sets it aside and goes on. Each key that a busy fleet has is tried, also a new one."""
    for name, world in worlds():
        key = world.real(name)
        wanted = world.fleet.redis.type(key)
        overwrite(world.fleet, key, "string" if wanted == "string" else "hash")
        failed = {}
        for verb, call in world.verbs().items():
            try:
                call()
            except LlamaqError as error:  # what was in the key is lost: a job or a conversation is not found
                if isinstance(error, BrokerUnavailable):
                    failed[verb] = str(error)

        assert failed == {}, name
        if not name.startswith(":{<"):
            assert world.end_all() == [], name
        notes = [json.loads(note) for note in world.fleet.redis.zrange(world.fleet.keys.damaged(), 0, -1)]
        assert all(note["key"] == key for note in notes), name


def fill(redis: Any, key: str) -> None:
    """Add to a key, or put in its place, what no program of llamaq has written."""
    foreign: list[Any] = ["foreign", "for eign", b"\xff \xfe"]
    match redis.type(key):
        case "hash":
            redis.hset(key, mapping=dict.fromkeys(redis.hkeys(key), "x") | {"foreign": b"\xff"})
        case "zset":
            redis.zadd(key, dict.fromkeys(foreign, "-inf"))
        case "set":
            redis.sadd(key, *foreign)
        case "list":
            redis.lpush(key, *foreign)
        case "stream":
            for each in foreign:
                redis.xadd(key, {each: each})
        case _:
            redis.set(key, b"x \xff")


@pytest.mark.parametrize("share", range(SHARES))
def test_foreign_values_give_no_raw_error(worlds: Worlds) -> None:
    """A verb of the SDK works, or raises an error of llamaq's own. No script fails for good, and other jobs end."""
    for name, world in worlds():
        fill(world.fleet.redis, world.real(name))
        raw = {}
        for verb, call in (world.verbs() | world.readers()).items():
            try:
                call()
            except (LlamaqError, RedisError):  # workers have those of Redis
                continue
            except Exception as error:  # noqa: BLE001 - any other is what is looked for
                raw[verb] = repr(error)

        assert raw == {}, name
        if not name.startswith(":{"):
            assert world.end_all() == [], name
