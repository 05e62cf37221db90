"""Whichever key something else has written over, no verb fails for it, and all jobs end."""

import json

import pytest

from embedded.redis import EmbeddedRedis
from llamaq.vocabulary.errors import BrokerUnavailable, LlamaqError
from tests.unit.store.all_keys import AllKeys
from tests.unit.store.test_damaged_keys import overwrite

SHARES = 8
OF_CELERY = (".host.alpha",)
"""Only workers may rename it."""


@pytest.mark.parametrize("share", range(SHARES))
def test_no_verb_fails_for_a_key_of_another_type(redis_server: EmbeddedRedis, prefix: str, share: int) -> None:
    """The script that meets it sets it aside and goes on. Each key that a busy fleet has is tried, also a new one."""
    first = AllKeys(redis_server.url, f"{prefix}-first")
    names = first.names()
    first.close()
    assert len(names) > 80
    for number, name in enumerate(names[share::SHARES]):
        world = AllKeys(redis_server.url, f"{prefix}-{number}")
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
        world.close()
