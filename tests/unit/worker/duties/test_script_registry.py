"""Which scripts the fleet runs, and who loads and publishes them."""

from typing import Any

import pytest

from embedded.scripted.fleet import Fleet
from llamaq.store import scripts
from llamaq.store.clock import SYSTEM
from tests.unit.worker.writing import wait_until
from worker.duties import script_registry
from worker.duties.health import Health
from worker.duties.script_registry import ScriptRegistry
from worker.duties.supervisor import Supervisor

PUBLISH_EVERY, LATE_SECONDS, PUBLISHED_SECONDS = 500, 50, 1500


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version stays published 100 times as long, so that no result depends on when a thread runs."""
    monkeypatch.setattr(script_registry, "PUBLISH_EVERY", PUBLISH_EVERY)
    monkeypatch.setattr(script_registry, "LATE_SECONDS", LATE_SECONDS)
    monkeypatch.setattr(script_registry, "PUBLISHED_SECONDS", PUBLISHED_SECONDS)


def test_a_worker_that_drains_still_publishes(fleet: Fleet) -> None:
    """An older one would else publish scripts that do not know its last ends."""
    supervisor = Supervisor([ScriptRegistry(fleet.redis, fleet.keys, lambda: True)], SYSTEM, Health(SYSTEM), print)
    supervisor.start()
    try:
        supervisor.stop("quiet")
        for _ in range(2):  # a round may have been under way
            fleet.redis.delete(fleet.keys.store())
            wait_until(lambda: fleet.redis.hget(fleet.keys.store(), "digest") == scripts.digest())
    finally:
        supervisor.stop("drain")
        supervisor.close()


@pytest.mark.usefixtures("slowly")
def test_the_leader_sees_each_second_that_redis_has_lost_the_scripts(fleet: Fleet) -> None:
    """Others do so where nobody has published a moment ago, since who publishes has looked."""
    leader = ScriptRegistry(fleet.redis, fleet.keys, lambda: True)
    follower = ScriptRegistry(fleet.redis, fleet.keys, lambda: False)
    assert (leader.run_round(), follower.run_round()) == (1, PUBLISH_EVERY)

    for registry in (leader, follower):
        fleet.redis.script_flush()
        fleet.redis.expire(fleet.keys.store(), PUBLISHED_SECONDS - PUBLISH_EVERY - 100)
        registry.run_round()
        assert fleet.redis.script_exists(registry._own[0].sha) == [True]


@pytest.mark.usefixtures("slowly")
def test_a_worker_that_publishes_in_place_of_the_leader_goes_on(fleet: Fleet) -> None:
    """It does so each time until another one has; else it would miss every second round, and look too seldom."""
    publishes, follows = (ScriptRegistry(fleet.redis, fleet.keys, lambda: False) for _ in range(2))
    publishes.run_round()
    for registry, loads in ((publishes, True), (publishes, True), (follows, False)):
        fleet.redis.script_flush()
        fleet.redis.expire(fleet.keys.store(), PUBLISHED_SECONDS - PUBLISH_EVERY)
        registry.run_round()
        assert fleet.redis.script_exists(registry._own[0].sha) == [loads]

    fleet.redis.expire(fleet.keys.store(), PUBLISHED_SECONDS - 100)  # another one has published
    publishes.run_round()
    assert fleet.redis.script_exists(publishes._own[0].sha) == [False]


def test_a_version_stays_published_while_its_worker_leads(fleet: Fleet) -> None:
    """One round of several publishes."""
    registry = ScriptRegistry(fleet.redis, fleet.keys, lambda: True)
    registry.run_round()
    fleet.redis.expire(fleet.keys.store(), 1000)
    for _ in range(script_registry.PUBLISH_EVERY - 1):
        registry.run_round()
    assert fleet.redis.ttl(fleet.keys.store()) > 100

    registry.run_round()

    assert fleet.redis.ttl(fleet.keys.store()) < 100


@pytest.mark.parametrize(
    ("found", "publishes"),
    [
        ({"seconds": 1100}, False),
        ({"seconds": 800}, True),
        ({"seconds": 1100, "digest": "of another", "version": 0}, True),
        ({"seconds": -1}, True),
    ],
    ids=["a moment ago", "too long ago", "another version", "nothing is published"],
)
@pytest.mark.usefixtures("slowly")
def test_a_worker_that_follows_publishes_what_the_leader_has_not(
    fleet: Fleet, found: dict[str, Any], publishes: bool
) -> None:
    """The one that leads does so each time; another one where it is of another version, or late."""
    ScriptRegistry(fleet.redis, fleet.keys, lambda: True).run_round()
    published, store = fleet.redis.hgetall(fleet.keys.store()), fleet.keys.store()
    fleet.redis.hset(store, mapping=found)
    fleet.redis.expire(store, found["seconds"])

    assert ScriptRegistry(fleet.redis, fleet.keys, lambda: False).run_round() == PUBLISH_EVERY

    assert (fleet.redis.ttl(store) > PUBLISHED_SECONDS - PUBLISH_EVERY + 200) is publishes
    assert published.items() <= fleet.redis.hgetall(store).items()
