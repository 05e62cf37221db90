"""Duties of a worker that has nothing to do: they ask Redis rarely, and miss nothing."""

from collections import Counter
from functools import partial
from typing import Any

import pytest

from embedded.scripted.fleet import Fleet, request_json
from llamaq.store.clock import SYSTEM
from llamaq.store.connections.clients import connect, connect_binary
from llamaq.store.worker.host_calls import LEADER_SECONDS, SAME_CLOCK_SECONDS
from tests.faults.proxy import OutageProxy
from tests.unit.worker.writing import supervised, until
from worker.duties import cancel_channel, inbox
from worker.duties.cancel_channel import CancelChannel
from worker.duties.inbox import Inbox
from worker.duties.reaper import WHOLE_EVERY, Reaper
from worker.duties.script_registry import PUBLISH_EVERY, PUBLISHED_SECONDS, ScriptRegistry


class Counted:
    """A client that counts the calls of its methods."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self._client, name)


def test_a_worker_that_follows_asks_when_the_leader_is_late(fleet: Fleet) -> None:
    """Not each second, and soon after the leader's time has run out."""
    leader, follower = (Reaper(fleet.worker(name=name), lambda _: None) for name in ("w1", "w2"))
    assert leader.round() == 1
    assert LEADER_SECONDS - 1 < follower.round() < LEADER_SECONDS + 1
    assert (leader.leads, follower.leads) == (True, False)
    fleet.redis.hset(f"{fleet.keys.prefix}:reaper", "until", 1)

    assert follower.round() == 1

    assert leader.round() > 1
    assert (leader.leads, follower.leads) == (False, True)


def test_a_worker_that_follows_asks_without_a_script(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves to the script what is unclear: a time that is longer than a leader can have."""
    leader, store = Reaper(fleet.worker(name="w1"), lambda _: None), fleet.worker(name="w2")
    follower = Reaper(store, lambda _: None)
    leader.round()
    with monkeypatch.context() as broken:
        broken.setattr(store, "reap", lambda **_: 1 / 0)
        assert LEADER_SECONDS - 1 < follower.round() < LEADER_SECONDS + 1
    fleet.redis.hset(f"{fleet.keys.prefix}:reaper", "until", 2**40)  # Redis' clock was set back

    assert follower.round() == 1
    assert follower.leads


def test_the_time_of_redis_is_asked_for_once_a_minute(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the last answer did not fit: the clock of Redis was set. Until then the script decides."""
    store, asked = fleet.worker(name="w2"), Counter[str]()
    leader, follower = Reaper(fleet.worker(name="w1"), lambda _: None), Reaper(store, lambda _: None)
    execute_all = store._client.execute_all

    def counted(commands: Any) -> Any:
        asked.update(str(command[0]) for command in commands if command[0] in ("TIME", "HMGET"))
        return execute_all(commands)

    leader.round()
    monkeypatch.setattr(store._client, "execute_all", counted)

    def follows(times: int) -> None:
        assert LEADER_SECONDS - 1 < follower.round() < LEADER_SECONDS + 1
        assert asked["TIME"] == times

    follows(1)
    follows(1)
    store._redis_ahead -= LEADER_SECONDS
    follows(1)
    follows(2)
    store._redis_ahead += LEADER_SECONDS
    follows(2)
    follows(3)
    store._ahead_until -= SAME_CLOCK_SECONDS
    follows(4)
    assert asked["HMGET"] == 7


def test_damaged_keys_are_looked_for_now_and_then(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also at once after a round that has failed."""
    store = fleet.host()
    mended, mend = [], store.mend

    def noted() -> int:
        mended.append(1)
        return mend()

    monkeypatch.setattr(store, "mend", noted)
    reaper = Reaper(store, lambda _: None)
    for _ in range(2 * WHOLE_EVERY):
        reaper.round()
    assert len(mended) == 2
    reaper.round()

    with monkeypatch.context() as broken:
        broken.setattr(store, "reap", lambda **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            reaper.round()
    reaper.round()

    assert len(mended) == 4
    reaper.round()
    reaper.mend_now()
    reaper.round()
    assert len(mended) == 5


def test_the_leader_sees_each_second_that_redis_has_lost_the_scripts(fleet: Fleet) -> None:
    """Others do so where nobody has published a moment ago, since who publishes has looked."""
    leader = ScriptRegistry(fleet.redis, fleet.keys, lambda: True)
    follower = ScriptRegistry(fleet.redis, fleet.keys, lambda: False)
    assert (leader.round(), follower.round()) == (1, PUBLISH_EVERY)

    for registry in (leader, follower):
        fleet.redis.script_flush()
        fleet.redis.expire(fleet.keys.store(), PUBLISHED_SECONDS - PUBLISH_EVERY - 1)
        registry.round()
        assert fleet.redis.script_exists(registry._own[0].sha) == [True]


def test_a_worker_that_publishes_in_place_of_the_leader_goes_on(fleet: Fleet) -> None:
    """It does so each time until another one has; else it would miss every second round, and look too seldom."""
    publishes, follows = (ScriptRegistry(fleet.redis, fleet.keys, lambda: False) for _ in range(2))
    publishes.round()
    for registry, loads in ((publishes, True), (publishes, True), (follows, False)):
        fleet.redis.script_flush()
        fleet.redis.expire(fleet.keys.store(), PUBLISHED_SECONDS - PUBLISH_EVERY)
        registry.round()
        assert fleet.redis.script_exists(registry._own[0].sha) == [loads]

    fleet.redis.expire(fleet.keys.store(), PUBLISHED_SECONDS - 1)  # another one has published
    publishes.round()
    assert fleet.redis.script_exists(publishes._own[0].sha) == [False]


def test_who_begins_to_lead_looks_at_the_scripts_at_once(fleet: Fleet) -> None:
    """Not when the pause of one that follows is over: the leader may have ended with Redis."""
    begun: list[str] = []
    first, second = (Reaper(fleet.worker(name=name), lambda _: None, partial(begun.append, name)) for name in "ab")
    for reaper in (first, second, first):
        reaper.round()
    assert begun == ["a"]
    fleet.redis.hset(f"{fleet.keys.prefix}:reaper", "until", 1)

    for _ in range(2):
        second.round()

    assert begun == ["a", "b"]


def test_a_version_stays_published_while_its_worker_leads(fleet: Fleet) -> None:
    """One round of several publishes."""
    registry = ScriptRegistry(fleet.redis, fleet.keys, lambda: True)
    registry.round()
    fleet.redis.expire(fleet.keys.store(), 1000)
    for _ in range(PUBLISH_EVERY - 1):
        registry.round()
    assert fleet.redis.ttl(fleet.keys.store()) > 100

    registry.round()

    assert fleet.redis.ttl(fleet.keys.store()) < 100


@pytest.mark.parametrize(
    ("found", "publishes"),
    [
        ({"seconds": 11}, False),
        ({"seconds": 8}, True),
        ({"seconds": 11, "digest": "of another", "version": 0}, True),
        ({"seconds": -1}, True),
    ],
    ids=["a moment ago", "too long ago", "another version", "nothing is published"],
)
def test_a_worker_that_follows_publishes_what_the_leader_has_not(
    fleet: Fleet, found: dict[str, Any], publishes: bool
) -> None:
    """The one that leads does so each time; another one where it is of another version, or late."""
    ScriptRegistry(fleet.redis, fleet.keys, lambda: True).round()
    published, store = fleet.redis.hgetall(fleet.keys.store()), fleet.keys.store()
    fleet.redis.hset(store, mapping=found)
    fleet.redis.expire(store, found["seconds"])

    assert ScriptRegistry(fleet.redis, fleet.keys, lambda: False).round() == PUBLISH_EVERY

    assert (fleet.redis.ttl(store) > PUBLISHED_SECONDS - PUBLISH_EVERY + 2) is publishes
    assert published.items() <= fleet.redis.hgetall(store).items()


def test_an_empty_inbox_is_waited_for_in_one_call(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left is looked for at the start, after anything came, and every few seconds."""
    monkeypatch.setattr(inbox, "BLOCK_MILLISECONDS", 1)
    store = fleet.host()
    with connect_binary(fleet.url) as client:
        counted = Counted(client)
        duty = Inbox(counted, fleet.keys, fleet.queue, store, "w1")
        for _ in range(3):
            duty.round()
        counted.calls.clear()
        for _ in range(5):
            duty.round()
        assert counted.calls == {"xreadgroup": 5}
        monkeypatch.setattr(duty, "_looks_at", 0)
        duty.round()
        assert counted.calls == {"xreadgroup": 6, "xautoclaim": 1}
        counted.calls.clear()

        fleet.redis.xadd(fleet.keys.inbox(), {"id": "of-the-inbox", "kind": "generate", "request": request_json()})
        duty.round()
        duty.round()

    assert counted.calls["xautoclaim"] == 1
    assert fleet.redis.exists(fleet.keys.record("of-the-inbox"))


def test_an_entry_of_a_dead_worker_is_read_by_one_that_was_idle(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its next look takes the entry over and queues it."""
    monkeypatch.setattr(inbox, "BLOCK_MILLISECONDS", 1)
    monkeypatch.setattr(inbox, "ABANDONED_MILLISECONDS", 0)
    store = fleet.host()
    with connect_binary(fleet.url) as client:
        duty = Inbox(client, fleet.keys, fleet.queue, store, "w1")
        for _ in range(3):
            duty.round()
        fleet.redis.xadd(fleet.keys.inbox(), {"id": "of-the-dead", "kind": "generate", "request": request_json()})
        client.xreadgroup(inbox.GROUP, "dead", {fleet.keys.inbox(): ">"}, count=1)
        monkeypatch.setattr(duty, "_looks_at", 0)
        duty.round()

    assert fleet.redis.exists(fleet.keys.record("of-the-dead"))


def test_an_entry_whose_delivery_was_lost_is_read_with_the_next_round(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis has noted that this worker has it, and the answer did not arrive."""
    monkeypatch.setattr(inbox, "BLOCK_MILLISECONDS", 1)
    store = fleet.host()
    with connect_binary(fleet.url) as client:
        duty = Inbox(client, fleet.keys, fleet.queue, store, "w1")
        for _ in range(3):
            duty.round()
        fleet.redis.xadd(fleet.keys.inbox(), {"id": "of-the-inbox", "kind": "generate", "request": request_json()})
        read = client.xreadgroup

        def lost(*arguments: Any, **how: Any) -> Any:
            read(*arguments, **how)
            raise ConnectionError

        with monkeypatch.context() as broken:
            broken.setattr(client, "xreadgroup", lost)
            with pytest.raises(ConnectionError):
                duty.round()
        assert not fleet.redis.exists(fleet.keys.record("of-the-inbox"))
        duty.round()

    assert fleet.redis.exists(fleet.keys.record("of-the-inbox"))


def test_a_channel_that_fell_silent_while_nothing_ran(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for a sign of life as soon as an attempt runs, so the cancel of that attempt arrives."""
    monkeypatch.setattr(cancel_channel, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(cancel_channel, "LISTEN_SECONDS", 0.1)
    job, _ = fleet.running(fleet.host())
    running: list[str] = []
    cancelled: list[str] = []
    port = fleet.redis.connection_pool.connection_kwargs["port"]
    with OutageProxy(port) as proxy, connect(proxy.url, limit_seconds=3) as client:
        channel = CancelChannel(client, fleet.keys, "alpha", cancelled.append, lambda: running, SYSTEM)
        with supervised(channel):
            until(lambda: fleet.redis.pubsub_numsub(fleet.keys.control("alpha"))[0][1])
            proxy.set("drop")
            running.append(job.id)
            job.cancel()
            until(lambda: cancelled)

    assert set(cancelled) == {job.id}
