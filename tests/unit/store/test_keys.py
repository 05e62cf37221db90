"""Every key is made by one function, and the Lua side makes the same."""

import json
from collections.abc import Callable

import pytest
import redis

from embedded.redis import EmbeddedRedis
from llamaq.store import scripts
from llamaq.store.keys import Keys

ID, HOST = "4fb1-x", "alpha:11434"
# In the order of `_LUA`.
PYTHON: dict[str, Callable[[Keys], str]] = {
    "record": lambda keys: keys.record(ID),
    "log": lambda keys: keys.events(ID),
    "host": lambda keys: keys.host(HOST),
    "slots": lambda keys: keys.slots(HOST),
    "leases": lambda keys: keys.leases(),
    "jobs": lambda keys: keys.jobs(),
    "hosts": lambda keys: keys.hosts(),
}
_LUA = (
    "return cjson.encode({record = record(ARGV[2]), log = log(ARGV[2]), host = host_key(ARGV[3]), "
    "slots = slots_key(ARGV[3]), leases = LEASES, jobs = JOBS, hosts = HOSTS})"
)


@pytest.mark.parametrize("prefix", ["llamaq", "a:b", "team-7.x"])
def test_both_sides_make_the_same_keys(redis_server: EmbeddedRedis, prefix: str) -> None:
    """A name that differed would be two stores."""
    fragment = scripts.files()["keys"].read_text()
    with redis.Redis.from_url(redis_server.url) as client:
        made = json.loads(client.eval(fragment + _LUA, 0, prefix, ID, HOST))

    assert made == {name: key(Keys(prefix)) for name, key in PYTHON.items()}


def test_the_names_are_the_contracts() -> None:
    """Producers in other languages rely on them."""
    keys = Keys("llamaq")
    assert keys.record("x") == "llamaq:{x}"
    assert keys.events("x") == "llamaq:{x}:events"
    assert keys.inbox() == "llamaq:inbox"
    assert keys.dead() == "llamaq:dead"
    assert keys.intake_queue() == "llamaq"
    assert keys.host_queue("h:1") == "llamaq.host.h:1"


def test_no_two_things_share_a_key() -> None:
    """Whatever a tenant, a conversation or an idempotency key is called."""
    keys = Keys("llamaq")
    names = [
        keys.record("a"),
        keys.events("a"),
        keys.idempotency("t", "a"),
        keys.blob("a"),
        keys.conversation("t", "a"),
    ]
    names += [keys.leases(), keys.jobs(), keys.hosts(), keys.host("a"), keys.slots("a"), keys.control("a")]
    names += [keys.inbox(), keys.dead(), keys.intake_queue(), keys.host_queue("a")]
    assert len(set(names)) == len(names)
