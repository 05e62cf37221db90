"""The fleet's figures, at the job store: right in every state, cheap with any backlog, and harmless without Redis."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from prometheus_client import CollectorRegistry, generate_latest

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import MODEL, Fleet, make_outcome
from llamaq.store.connections.clients import connect
from llamaq.store.keys import Keys
from llamaq.store.worker.outcome import Error
from tests.integration.scraping import Scrape, parsed
from tests.service import wait_until
from tests.unit.store.scheduling.test_refusals import end_pause
from worker.telemetry.fleet_metrics import FleetCollector


@pytest.fixture
def fleet(redis_server: EmbeddedRedis, prefix: str) -> Iterator[Fleet]:
    stage = Fleet(redis_server.url, prefix)
    yield stage
    stage.close()


def look(client: Any, keys: Keys) -> Scrape:
    registry = CollectorRegistry()
    registry.register(FleetCollector(client, keys))
    return parsed(generate_latest(registry).decode())


def test_queues_are_told_by_model_and_lane(fleet: Fleet) -> None:
    """Depth and the age of the oldest, which need not be the first in line; an offered model with nothing is 0."""
    fleet.add_host("alpha", models=["other:latest"])
    old = fleet.submit(priority="batch", tenant="a")
    fleet.submit(priority="batch", tenant="b")
    fleet.redis.zadd(f"{fleet.keys.prefix}:ages:batch:{MODEL}", {old.id: fleet.redis.time()[0] - 100})

    seen = look(fleet.redis, fleet.keys)

    assert seen.figure("llamaq_queue_depth", model=MODEL, lane="batch") == 2
    assert 100 <= seen.figure("llamaq_queue_oldest_age_seconds", model=MODEL, lane="batch") < 160
    assert 'llamaq_queue_depth{lane="normal",model="other:latest"} 0.0' in seen.text
    old.cancel()
    seen = look(fleet.redis, fleet.keys)
    assert seen.figure("llamaq_queue_depth", model=MODEL, lane="batch") == 1
    assert seen.figure("llamaq_queue_oldest_age_seconds", model=MODEL, lane="batch") < 60


def test_hosts_are_told_with_their_slots_circuit_and_loads(fleet: Fleet) -> None:
    """Live and silent ones; capacity is slots times models; what nobody has written yet has a default."""
    store = fleet.add_host("alpha", slots=2, max_models=2)
    fleet.start_job(store)
    fleet.submit()
    fleet.add_host("beta")
    fleet.silence_host("beta")
    fleet.redis.hset(fleet.keys.host("alpha"), mapping={"circuit": "open", "swaps": 7})
    fleet.redis.hdel(fleet.keys.host("beta"), "circuit", "swaps")
    fleet.take_messages()
    fleet.redis.rpush(fleet.keys.host_queue("alpha"), "message", "message")

    seen = look(fleet.redis, fleet.keys)

    def of(host: str, *names: str) -> list[float]:
        return [seen.figure(f"llamaq_host_{name}", host=host) for name in names]

    assert of("alpha", "up", "workers", "slots", "slots_used", "messages", "swaps_total") == [1, 1, 4, 2, 2, 7]
    assert of("beta", "up", "slots", "slots_used", "messages", "swaps_total") == [0, 1, 0, 0, 0]
    assert seen.figure("llamaq_host_seen_age_seconds", host="beta") > 15
    assert seen.figure("llamaq_running_jobs", host="alpha", model=MODEL) == 2
    assert seen.figure("llamaq_model_hosts", model=MODEL) == 1
    states = ("closed", "half_open", "open")
    assert [seen.figure("llamaq_host_circuit", host="alpha", state=state) for state in states] == [0, 0, 1]
    assert [seen.figure("llamaq_host_circuit", host="beta", state=state) for state in states] == [1, 0, 0]


def test_a_model_that_a_host_fails_at_is_told(fleet: Fleet) -> None:
    """While its circuit is not closed: open, then half open once the pause is over."""
    store = fleet.add_host(slots=3)
    for _ in range(3):
        store.fail(fleet.claim(store, fleet.submit()), Error("ollama_error", "401"), 0, "fault")

    seen = look(fleet.redis, fleet.keys)
    end_pause(fleet)
    later = look(fleet.redis, fleet.keys)

    assert seen.figure("llamaq_model_circuit", host="alpha", model=MODEL, state="open") == 1
    assert later.figure("llamaq_model_circuit", host="alpha", model=MODEL, state="half_open") == 1
    assert 'state="open"' not in "".join(line for line in later.text.splitlines() if "model_circuit" in line)


def test_what_waits_outside_the_queues_is_told(fleet: Fleet) -> None:
    """The inbox, messages by task name, dead letters, retries that are not due; and every ending is counted once."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    store.complete(claimed, make_outcome())
    store.complete(claimed, make_outcome())
    fleet.submit().cancel()
    fleet.redis.xadd(fleet.keys.inbox(), {"request": "x"})
    fleet.redis.xadd(fleet.keys.dead(), {"reason": "x"})
    fleet.redis.rpush(fleet.keys.intake_queue(), "x")
    fleet.redis.zadd(f"{fleet.keys.prefix}:delayed", {job.id: 1})

    seen = look(fleet.redis, fleet.keys)

    names = ("inbox_entries", "dead_letters", "intake_messages", "delayed_jobs")
    assert [seen.figure(f"llamaq_{name}") for name in names] == [1, 1, 1, 1]
    states = ("completed", "cancelled", "failed", "expired")
    assert [seen.figure("llamaq_jobs_ended_total", state=state) for state in states] == [1, 1, 0, 0]


def test_the_backlog_is_what_needs_a_worker(fleet: Fleet) -> None:
    """Queued, assigned, also of a host that nobody knows any more, due, in the inbox, sent by name."""
    store = fleet.add_host("gone", slots=2)
    fleet.start_job(store)
    fleet.submit()  # assigned, and not claimed
    fleet.submit()  # queued
    fleet.redis.zrem(fleet.keys.hosts(), "gone")
    fleet.redis.delete(fleet.keys.host("gone"))
    now = fleet.redis.time()[0]
    fleet.redis.zadd(f"{fleet.keys.prefix}:delayed", {"due": now - 1, "later": now + 3600})
    fleet.redis.xadd(fleet.keys.inbox(), {"request": "x"})
    fleet.redis.rpush(fleet.keys.intake_queue(), "x")

    seen = look(fleet.redis, fleet.keys)

    assert seen.figure("llamaq_host_up") == 0
    assert seen.figure("llamaq_assigned_jobs") == 2
    assert (seen.figure("llamaq_due_jobs"), seen.figure("llamaq_delayed_jobs")) == (1, 2)
    assert seen.figure("llamaq_backlog_jobs") == 2 + 1 + 1 + 1 + 1


def test_a_scrape_costs_the_same_with_any_backlog(fleet: Fleet) -> None:
    """Redis runs the same commands for it with 300 jobs queued as with 3; of a queue they take the size and one job."""

    def commands() -> list[str]:
        with fleet.redis.monitor() as monitor:
            look(fleet.redis, fleet.keys)
            fleet.redis.echo("over")
            ran: list[str] = []
            while (heard := monitor.next_command())["command"] != "ECHO over":
                ran += [heard["command"].upper()] if heard["client_type"] == "lua" else []
        own = [command for command in ran if fleet.keys.prefix.upper() in command]  # others use this Redis
        return sorted(re.sub(r"\d{10}\.\d+", "NOW", command) for command in own)

    fleet.add_host()
    look(fleet.redis, fleet.keys)
    for _ in range(3):
        fleet.submit()
    few = commands()
    fleet.queue.submit_many({"kind": "generate", "model": MODEL, "prompt": "x"} for _ in range(297))
    many = commands()

    assert few == many
    room = f"NORMAL:{MODEL}".upper()
    of_the_queue = [command.replace(fleet.keys.prefix.upper(), "P") for command in many if room in command]
    oldest = f"ZRANGE P:AGES:{room} (0 +INF BYSCORE LIMIT 0 1 WITHSCORES"
    assert of_the_queue == [f"ZCARD P:WAITING:{room}", oldest]


def test_a_scrape_reads_only(fleet: Fleet) -> None:
    """A user who may only read could make it."""
    fleet.add_host()
    fleet.submit()
    before = {name: fleet.redis.dump(f"{fleet.keys.prefix}{name}") for name in fleet.key_names()}

    look(fleet.redis, fleet.keys)

    assert {name: fleet.redis.dump(f"{fleet.keys.prefix}{name}") for name in fleet.key_names()} == before


def test_without_redis_a_scrape_says_so(fleet: Fleet) -> None:
    """It answers at once, with that one figure."""
    client = connect("redis://127.0.0.1:1/0", retry=False, limit_seconds=1)

    seen = look(client, fleet.keys)

    assert seen.shapes == {"llamaq_redis_up": ("gauge", frozenset())}
    assert seen.figure("llamaq_redis_up") == 0


def test_a_redis_that_would_lose_jobs_is_told(prefix: str) -> None:
    """Without an append-only file the figure is 0."""
    with (
        EmbeddedRedis.start(appendonly=False) as server,
        connect(server.url) as client,
        redis.Redis.from_url(server.url) as plain,
    ):
        assert look(client, Keys(prefix)).figure("llamaq_redis_persistence_ok") == 0
        plain.config_set("appendonly", "yes")
        wait_until(lambda: not plain.info("persistence")["aof_rewrite_in_progress"])
        assert look(client, Keys(prefix)).figure("llamaq_redis_persistence_ok") == 1
