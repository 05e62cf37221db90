"""What the whole fleet shares, read from Redis at each scrape: queues, hosts, slots, endings.

Every worker gives the same figures, so in PromQL they are joined with `max`, never with `sum`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from llamaq.store import scripts
from llamaq.store.connection import Call, Client, run
from llamaq.store.keys import Keys
from llamaq.vocabulary.status import TERMINAL_STATES

LOOK_SECONDS = 3
"""How long a scrape waits for Redis; Prometheus itself gives up after 10 s."""
CIRCUITS = ("closed", "half_open", "open")
_log = structlog.get_logger(__name__)


class FleetCollector(Collector):
    """Asks Redis once for each scrape; where it does not answer, only `llamaq_redis_up` is told."""

    def __init__(self, client: Client, keys: Keys) -> None:
        """Make it. `client` is one of its own, so that a scrape neither waits for jobs nor holds them up."""
        self._client = client
        self._keys = keys

    def describe(self) -> list[Metric]:
        """Nothing: to be registered must not need Redis."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        try:
            answer = run(self._client, Call(scripts.load("gauges"), [self._keys.prefix]))
        except (RedisError, OSError) as error:
            _log.warning("a scrape without the fleet's figures: Redis does not answer", error=str(error))
            yield _gauge("redis_up", "Whether this worker reached Redis.", [], [([], 0)])
            return
        yield _gauge("redis_up", "Whether this worker reached Redis.", [], [([], 1)])
        yield from _queues(answer[0])
        yield from _hosts(answer[1])
        yield from _of_the_fleet(answer[2], answer[3])
        yield from self._memory()

    def _memory(self) -> Iterator[Metric]:
        try:
            info = self._client.info("memory")
        except (RedisError, OSError) as error:  # an ACL may forbid it: the rest is there all the same
            _log.warning("a scrape without the memory of Redis", error=str(error))
            return
        yield _gauge("redis_memory_bytes", "Memory that Redis uses.", [], [([], info["used_memory"])])
        yield _gauge("redis_memory_max_bytes", "Its limit; 0 for none.", [], [([], info.get("maxmemory", 0))])


Rows = Sequence[tuple[Sequence[str], float]]


def _gauge(name: str, meaning: str, labels: Sequence[str], rows: Rows) -> Metric:
    family = GaugeMetricFamily(f"llamaq_{name}", meaning, labels=labels)
    for values, figure in rows:
        family.add_metric(values, float(figure))
    return family


def _counter(name: str, meaning: str, labels: Sequence[str], rows: Rows) -> Metric:
    family = CounterMetricFamily(f"llamaq_{name}", meaning, labels=labels)
    for values, figure in rows:
        family.add_metric(values, float(figure))
    return family


def _queues(rows: list[list[Any]]) -> Iterator[Metric]:
    labels = ["model", "lane"]
    yield _gauge("queue_depth", "Jobs that wait for a slot.", labels, [(row[:2], row[2]) for row in rows])
    ages: Rows = [(row[:2], row[3]) for row in rows]
    yield _gauge("queue_oldest_age_seconds", "Since the submit of the oldest job that waits.", labels, ages)


def _hosts(rows: list[list[Any]]) -> Iterator[Metric]:
    names = [row[0] for row in rows]
    plain = ("host_up", "host_seen_age_seconds", "host_workers", "host_slots", "host_slots_used", "host_messages")
    meanings = (
        "Whether the host was reported within three probes.",
        "Since a worker of the host last reported it.",
        "Workers that serve the host.",
        "Requests that the host takes at a time, over all models.",
        "Slots that are held.",
        "Messages in the host's Celery queue that no worker has taken.",
    )
    for index, (name, meaning) in enumerate(zip(plain, meanings, strict=True), start=1):
        yield _gauge(name, meaning, ["host"], [([row[0]], row[index]) for row in rows])
    swaps: Rows = [([row[0]], row[7]) for row in rows]
    yield _counter("host_swaps", "Models loaded on the host.", ["host"], swaps)
    circuit: Rows = [([row[0], state], row[8] == state) for row in rows for state in CIRCUITS]
    yield _gauge("host_circuit", "1 for the state that the host's circuit is in.", ["host", "state"], circuit)
    running: Rows = [
        ([name, model], figure)
        for name, row in zip(names, rows, strict=True)
        for model, figure in zip(row[9][::2], row[9][1::2], strict=True)
    ]
    yield _gauge("running_jobs", "Jobs that hold a slot.", ["host", "model"], running)
    offered: dict[str, int] = {}
    for row in rows:
        for model in row[10]:
            offered[model] = offered.get(model, 0) + int(row[1])
    yield _gauge("model_hosts", "Live hosts that have the model.", ["model"], [([m], n) for m, n in offered.items()])


def _of_the_fleet(totals: list[Any], ended: list[str]) -> Iterator[Metric]:
    names = ("delayed_jobs", "dead_letters", "inbox_entries", "intake_messages")
    meanings = (
        "Jobs that wait for their next attempt to be due.",
        "Messages that were set aside and not put back or discarded.",
        "Entries of the inbox that are not queued yet.",
        "Messages sent by task name that no worker has taken.",
    )
    for name, meaning, figure in zip(names, meanings, totals, strict=True):
        yield _gauge(name, meaning, [], [([], figure)])
    known = dict(zip(ended[::2], ended[1::2], strict=True))
    rows: Rows = [([state], float(known.get(state, 0))) for state in sorted(TERMINAL_STATES)]
    yield _counter("jobs_ended", "Jobs that ended, by state.", ["state"], rows)
