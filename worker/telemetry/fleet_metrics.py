"""The metrics of the whole fleet, read from Redis at each scrape: queues, hosts, slots, ended jobs.

Every worker and every exporter serves the same figures, so PromQL must aggregate them with `max`, never with `sum`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from llamaq.store.answers import Answer, Fields
from llamaq.store.keys import Keys
from llamaq.store.redis_client import Client
from llamaq.store.script_drivers import run
from llamaq.store.script_runs import Call
from llamaq.store.worker.worker_scripts import Gauges
from llamaq.vocabulary.status import TERMINAL_STATES

SCRAPE_SECONDS = 3
"""How long a scrape waits for Redis; Prometheus itself gives up after 10 s."""
CIRCUITS = ("closed", "half_open", "open")
Rows = Sequence[tuple[Sequence[str], float]]
"""Label values and the figure, for each series."""
_log = structlog.get_logger(__name__)


class FleetCollector(Collector):
    """Reads Redis at each scrape. Where Redis does not answer, the collector gives `llamaq_redis_up` alone."""

    def __init__(self, client: Client, keys: Keys) -> None:
        """No attempt uses `client`, so that a scrape neither waits for jobs nor delays them."""
        self._client = client
        self._keys = keys

    def describe(self) -> list[Metric]:
        """Return nothing, so that registering the collector does not need Redis."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        try:
            answer = run(self._client, Call(self._keys.prefix, Gauges()))
        except (RedisError, OSError) as error:
            _log.warning("a scrape without the fleet's metrics", error=str(error))
            yield _gauge("llamaq_redis_up", "Whether this process reached Redis.", [], [([], 0)])
            return
        yield _gauge("llamaq_redis_up", "Whether this process reached Redis.", [], [([], 1)])
        yield from _queues(answer.rows("queues"))
        yield from _hosts(answer.rows("hosts"))
        yield from _totals(answer)
        yield _paused(answer.row("paused").as_texts())
        yield _ended(answer.counts("ended"))
        damaged = "Keys and fields that were set aside, because something else had written over them."
        yield _gauge("llamaq_damaged_keys", damaged, [], [([], answer.number("damaged"))])
        yield from self._memory()

    def _memory(self) -> Iterator[Metric]:
        try:
            info, disk = self._client.info("memory"), self._client.info("persistence")
        except (RedisError, OSError) as error:  # an ACL may forbid it
            _log.warning("a scrape without the memory of Redis", error=str(error))
            return
        limit = info.get("maxmemory", 0)
        yield _gauge("llamaq_redis_memory_bytes", "Memory that Redis uses.", [], [([], info["used_memory"])])
        yield _gauge("llamaq_redis_memory_max_bytes", "Its limit; 0 for none.", [], [([], limit)])
        written = {disk.get("aof_last_write_status"), disk.get("aof_last_bgrewrite_status")} == {"ok"}
        persists = bool(disk.get("aof_enabled")) and written
        yield _gauge("llamaq_redis_persistence_ok", "Whether Redis writes its file.", [], [([], persists)])


def _queues(queues: Sequence[Fields]) -> Iterator[Metric]:
    def by_queue(figure: str) -> Rows:
        return [([each.text("model"), each.text("lane")], each.number(figure)) for each in queues]

    labels = ["model", "lane"]
    yield _gauge("llamaq_queue_depth", "Jobs that wait for a slot.", labels, by_queue("depth"))
    oldest = "Since the submit of the oldest job that waits."
    yield _gauge("llamaq_queue_oldest_age_seconds", oldest, labels, by_queue("age_seconds"))


def _hosts(hosts: Sequence[Fields]) -> Iterator[Metric]:
    named = {each.text("host"): each for each in hosts}

    def by_host(figure: str) -> Rows:
        return [([host], each.number(figure)) for host, each in named.items()]

    label = ["host"]
    yield _gauge("llamaq_host_up", "Whether the host was reported within three probes.", label, by_host("up"))
    yield _gauge(
        "llamaq_host_seen_age_seconds",
        "Since a worker of the host last reported it.",
        label,
        by_host("seen_age_seconds"),
    )
    yield _gauge("llamaq_host_workers", "Workers that serve the host.", label, by_host("workers"))
    slots = "Requests that the host takes at a time, over all models."
    yield _gauge("llamaq_host_slots", slots, label, by_host("slots"))
    yield _gauge("llamaq_host_slots_used", "Slots that are held.", label, by_host("slots_used"))
    messages = "Messages in the host's Celery queue that no worker has taken."
    yield _gauge("llamaq_host_messages", messages, label, by_host("messages"))
    yield _counter("llamaq_host_swaps", "Models loaded on the host.", label, by_host("swaps"))
    circuits: Rows = [
        ([host, state], each.text("circuit") == state) for host, each in named.items() for state in CIRCUITS
    ]
    yield _gauge("llamaq_host_circuit", "1 for the state that the host's circuit is in.", ["host", "state"], circuits)
    refused: Rows = [
        ([host, model, state], 1)
        for host, each in named.items()
        for state, _, model in (line.partition(" ") for line in (each.optional("refused") or "").splitlines())
    ]
    meaning = "1 for a model that the host refused or failed at, and the state of the model's circuit there."
    yield _gauge("llamaq_model_circuit", meaning, ["host", "model", "state"], refused)
    running: Rows = [
        ([host, model], jobs) for host, each in named.items() for model, jobs in each.counts("running").items()
    ]
    yield _gauge("llamaq_running_jobs", "Jobs that hold a slot.", ["host", "model"], running)
    live: Counter[str] = Counter()
    for each in hosts:
        live.update({model: each.integer("up") for model in each.texts("models")})
    yield _gauge(
        "llamaq_model_hosts", "Live hosts that have the model.", ["model"], [([m], n) for m, n in live.items()]
    )


def _paused(paused: Mapping[str, str]) -> Metric:
    rows: Rows = [([*what.partition(":")[::2], state], 1) for what, state in paused.items()]
    meaning = "1 for each host and model that an operator has paused or drains."
    return _gauge("llamaq_paused", meaning, ["what", "name", "state"], rows)


def _totals(fleet: Answer) -> Iterator[Metric]:
    def total(figure: str) -> Rows:
        return [([], fleet.number(figure))]

    depth = sum(each.number("depth") for each in fleet.rows("queues"))
    backlog = depth + sum(map(fleet.number, ("assigned", "due", "inbox", "intake")))
    needed = "Jobs that need a worker now: queued, assigned, due, in the inbox, sent by task name."
    yield _gauge("llamaq_backlog_jobs", needed, [], [([], backlog)])
    yield _gauge("llamaq_assigned_jobs", "Jobs that hold a slot, of whatever host.", [], total("assigned"))
    yield _gauge("llamaq_due_jobs", "Delayed jobs whose time has come.", [], total("due"))
    yield _gauge("llamaq_delayed_jobs", "Jobs that wait for a time: retries, and start_after.", [], total("delayed"))
    dead = "Messages that were set aside and not put back or discarded."
    yield _gauge("llamaq_dead_letters", dead, [], total("dead"))
    webhooks = "Webhooks whose last try failed, and those that no worker sends."
    states: Rows = [([state], fleet.number(f"webhooks_{state}")) for state in ("failing", "unsent")]
    yield _gauge("llamaq_webhooks", webhooks, ["state"], states)
    yield _gauge("llamaq_inbox_entries", "Entries of the inbox that are not queued yet.", [], total("inbox"))
    yield _gauge("llamaq_intake_messages", "Messages sent by task name that no worker has taken.", [], total("intake"))


def _ended(jobs: dict[str, int]) -> Metric:
    rows: Rows = [([state], float(jobs.get(state, 0))) for state in sorted(TERMINAL_STATES)]
    return _counter("llamaq_jobs_ended", "Jobs that ended, by state.", ["state"], rows)


def _gauge(name: str, meaning: str, labels: Sequence[str], rows: Rows) -> Metric:
    return _fill(GaugeMetricFamily(name, meaning, labels=labels), rows)


def _counter(name: str, meaning: str, labels: Sequence[str], rows: Rows) -> Metric:
    return _fill(CounterMetricFamily(name, meaning, labels=labels), rows)


def _fill(family: GaugeMetricFamily | CounterMetricFamily, rows: Rows) -> Metric:
    for values, figure in rows:
        family.add_metric(values, float(figure))
    return family
