"""Duties of a worker that has nothing to do: they ask Redis rarely, and miss nothing."""

from collections import Counter
from functools import partial
from typing import Any

import pytest

from embedded.scripted.fleet import Fleet, make_request_json
from llamaq.store.clock import SYSTEM
from llamaq.store.connections.clients import connect, connect_binary
from llamaq.store.worker import host_calls, job_store
from llamaq.store.worker.host_calls import SAME_CLOCK_SECONDS
from tests.faults.proxy import OutageProxy
from tests.unit.worker.writing import run_supervised, wait_until
from worker.duties import cancel_channel, inbox
from worker.duties.cancel_channel import CancelChannel
from worker.duties.inbox import Inbox
from worker.duties.reaper import WHOLE_EVERY, Reaper

LEADER_SECONDS = 300


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leader leads 100 times as long, so that no result depends on when a thread runs."""
    for module in (host_calls, job_store):
        monkeypatch.setattr(module, "LEADER_SECONDS", LEADER_SECONDS)


class Counted:
    """A client that counts the calls of its methods."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self._client, name)


@pytest.mark.usefixtures("slowly")
def test_a_worker_that_follows_asks_when_the_leader_is_late(fleet: Fleet) -> None:
    """Not each second, and soon after the leader's time has run out."""
    leader, follower = (Reaper(fleet.open_store(name=name), lambda _: None) for name in ("w1", "w2"))
    assert leader.run_round() == 1
    assert LEADER_SECONDS - 60 < follower.run_round() < LEADER_SECONDS + 1
    assert (leader.leads, follower.leads) == (True, False)
    fleet.redis.hset(f"{fleet.keys.prefix}:reaper", "until", 1)

    assert follower.run_round() == 1

    assert leader.run_round() > 1
    assert (leader.leads, follower.leads) == (False, True)


@pytest.mark.usefixtures("slowly")
def test_a_worker_that_follows_asks_without_a_script(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves to the script what is unclear: a time that is longer than a leader can have."""
    leader, store = Reaper(fleet.open_store(name="w1"), lambda _: None), fleet.open_store(name="w2")
    follower = Reaper(store, lambda _: None)
    leader.run_round()
    with monkeypatch.context() as broken:
        broken.setattr(store, "reap", lambda **_: 1 / 0)
        assert LEADER_SECONDS - 60 < follower.run_round() < LEADER_SECONDS + 1
    fleet.redis.hset(f"{fleet.keys.prefix}:reaper", "until", 2**40)  # Redis' clock was set back

    assert follower.run_round() == 1
    assert follower.leads


@pytest.mark.usefixtures("slowly")
def test_the_time_of_redis_is_asked_for_once_a_minute(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the last answer did not fit: the clock of Redis was set. Until then the script decides."""
    store, asked = fleet.open_store(name="w2"), Counter[str]()
    leader, follower = Reaper(fleet.open_store(name="w1"), lambda _: None), Reaper(store, lambda _: None)
    execute_all = store._client.execute_all

    def counted(commands: Any) -> Any:
        asked.update(str(command[0]) for command in commands if command[0] in ("TIME", "HMGET"))
        return execute_all(commands)

    leader.run_round()
    monkeypatch.setattr(store._client, "execute_all", counted)

    def follows(times: int) -> None:
        assert LEADER_SECONDS - 60 < follower.run_round() < LEADER_SECONDS + 1
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
    store = fleet.add_host()
    mended, mend = [], store.mend

    def noted() -> int:
        mended.append(1)
        return mend()

    monkeypatch.setattr(store, "mend", noted)
    reaper = Reaper(store, lambda _: None)
    for _ in range(2 * WHOLE_EVERY):
        reaper.run_round()
    assert len(mended) == 2
    reaper.run_round()

    with monkeypatch.context() as broken:
        broken.setattr(store, "reap", lambda **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            reaper.run_round()
    reaper.run_round()

    assert len(mended) == 4
    reaper.run_round()
    reaper.mend_now()
    reaper.run_round()
    assert len(mended) == 5


def test_who_begins_to_lead_looks_at_the_scripts_at_once(fleet: Fleet) -> None:
    """Not when the pause of one that follows is over: the leader may have ended with Redis."""
    begun: list[str] = []
    first, second = (Reaper(fleet.open_store(name=name), lambda _: None, partial(begun.append, name)) for name in "ab")
    for reaper in (first, second, first):
        reaper.run_round()
    assert begun == ["a"]
    fleet.redis.hset(f"{fleet.keys.prefix}:reaper", "until", 1)

    for _ in range(2):
        second.run_round()

    assert begun == ["a", "b"]


def test_an_empty_inbox_is_waited_for_in_one_call(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left is looked for at the start, after anything came, and every few seconds."""
    monkeypatch.setattr(inbox, "BLOCK_MILLISECONDS", 1)
    store = fleet.add_host()
    with connect_binary(fleet.url) as client:
        counted = Counted(client)
        duty = Inbox(counted, fleet.keys, fleet.queue, store, "w1")
        for _ in range(3):
            duty.run_round()
        counted.calls.clear()
        for _ in range(5):
            duty.run_round()
        assert counted.calls == {"xreadgroup": 5}
        monkeypatch.setattr(duty, "_looks_at", 0)
        duty.run_round()
        assert counted.calls == {"xreadgroup": 6, "xautoclaim": 1}
        counted.calls.clear()

        fleet.redis.xadd(fleet.keys.inbox(), {"id": "of-the-inbox", "kind": "generate", "request": make_request_json()})
        duty.run_round()
        duty.run_round()

    assert counted.calls["xautoclaim"] == 1
    assert fleet.redis.exists(fleet.keys.record("of-the-inbox"))


def test_an_entry_of_a_dead_worker_is_read_by_one_that_was_idle(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its next look takes the entry over and queues it."""
    monkeypatch.setattr(inbox, "BLOCK_MILLISECONDS", 1)
    monkeypatch.setattr(inbox, "ABANDONED_MILLISECONDS", 0)
    store = fleet.add_host()
    with connect_binary(fleet.url) as client:
        duty = Inbox(client, fleet.keys, fleet.queue, store, "w1")
        for _ in range(3):
            duty.run_round()
        fleet.redis.xadd(fleet.keys.inbox(), {"id": "of-the-dead", "kind": "generate", "request": make_request_json()})
        client.xreadgroup(inbox.GROUP, "dead", {fleet.keys.inbox(): ">"}, count=1)
        monkeypatch.setattr(duty, "_looks_at", 0)
        duty.run_round()

    assert fleet.redis.exists(fleet.keys.record("of-the-dead"))


def test_an_entry_whose_delivery_was_lost_is_read_with_the_next_round(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis has noted that this worker has it, and the answer did not arrive."""
    monkeypatch.setattr(inbox, "BLOCK_MILLISECONDS", 1)
    store = fleet.add_host()
    with connect_binary(fleet.url) as client:
        duty = Inbox(client, fleet.keys, fleet.queue, store, "w1")
        for _ in range(3):
            duty.run_round()
        fleet.redis.xadd(fleet.keys.inbox(), {"id": "of-the-inbox", "kind": "generate", "request": make_request_json()})
        read = client.xreadgroup

        def lost(*arguments: Any, **how: Any) -> Any:
            read(*arguments, **how)
            raise ConnectionError

        with monkeypatch.context() as broken:
            broken.setattr(client, "xreadgroup", lost)
            with pytest.raises(ConnectionError):
                duty.run_round()
        assert not fleet.redis.exists(fleet.keys.record("of-the-inbox"))
        duty.run_round()

    assert fleet.redis.exists(fleet.keys.record("of-the-inbox"))


def test_a_channel_that_fell_silent_while_nothing_ran(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for a sign of life as soon as an attempt runs, so the cancel of that attempt arrives."""
    monkeypatch.setattr(cancel_channel, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(cancel_channel, "LISTEN_SECONDS", 0.1)
    job, _ = fleet.start_job(fleet.add_host())
    running: list[str] = []
    cancelled: list[str] = []
    port = fleet.redis.connection_pool.connection_kwargs["port"]
    with OutageProxy(port) as proxy, connect(proxy.url, limit_seconds=3) as client:
        channel = CancelChannel(client, fleet.keys, "alpha", cancelled.append, lambda: running, SYSTEM)
        with run_supervised(channel):
            wait_until(lambda: fleet.redis.pubsub_numsub(fleet.keys.control("alpha"))[0][1])
            proxy.set("drop")
            running.append(job.id)
            job.cancel()
            wait_until(lambda: cancelled)

    assert set(cancelled) == {job.id}
