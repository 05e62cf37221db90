"""Checks of Redis: version, persistence, eviction, memory, rights, clock, other workers of the host."""

from collections.abc import Callable, Iterator
from typing import Any

from redis.exceptions import RedisError

from llamaq.store import scripts
from llamaq.store.clock import SYSTEM, Clock
from llamaq.store.connections.address import describe_url, parse_url
from llamaq.store.connections.clients import connect
from llamaq.store.redis_client import Client
from llamaq.store.redis_errors import is_denied, lacks_command, translate_errors
from llamaq.store.script_drivers import run
from llamaq.store.script_runs import Call
from llamaq.store.worker import damaged_keys
from llamaq.store.worker.failing_duties import FailingDuties
from llamaq.store.worker.worker_scripts import Claim
from llamaq.vocabulary.errors import BrokerUnavailable
from worker.preflight.finding import Finding
from worker.settings.environment import Settings

OLDEST_THAT_WORKS = (6, 2)
OLDEST_ADVISED = (7, 0)
LOOK_SECONDS = 3
FULL = 0.9
"""The check warns when this part of `maxmemory` is used."""
CLOCK_SECONDS = 2.0
NO_JOB = "llamaq-check"
"""An id that no job has."""


def check_redis(config: Settings, clock: Clock = SYSTEM) -> Iterator[Finding]:
    """Check Redis, up to a check that it does not answer, or refuses."""
    try:
        with (
            translate_errors(config.redis_url),
            connect(config.redis_url, retry=False, limit_seconds=LOOK_SECONDS) as client,
        ):
            yield from _check_all(client, config, clock)
    except BrokerUnavailable as error:
        yield Finding("redis", False, str(error))


def _check_all(client: Client, config: Settings, clock: Clock) -> Iterator[Finding]:
    client.ping()
    about = client.info()
    yield _check_version(about, describe_url(config.redis_url))
    if about.get("cluster_enabled"):
        return
    yield _check_persistence(about)
    if parse_url(config.redis_url).master:
        yield _check_replication(about)
    yield _check_eviction(about)
    yield _check_memory(about)
    rights = _check_rights(client, config)
    yield rights
    if rights.well is not False:  # without the rights the next checks would fail for the same reason
        yield _check_clock(client, clock)
        yield from _check_shared_host(client, config)
        yield from _check_duties(client, config)
        yield from _check_damaged_keys(client, config)


def _check_version(about: dict[str, Any], where: str) -> Finding:
    version = tuple(int(part) for part in str(about["redis_version"]).split(".")[:2])
    shown = f"{about['redis_version']} at {where}"
    if about.get("cluster_enabled"):
        return Finding("redis", False, f"{shown}; it is a Redis Cluster, which llamaq cannot use: take one server")
    if version < OLDEST_THAT_WORKS:
        return Finding("redis", False, f"{shown}; 6.2 is the oldest that works: upgrade it")
    if version < OLDEST_ADVISED:
        return Finding("redis", None, f"{shown} works; for production, and for ops/redis/users.acl, take 7.0 or newer")
    return Finding("redis", True, shown)


def _check_persistence(about: dict[str, Any]) -> Finding:
    if not about.get("aof_enabled"):
        remedy = "no append-only file: a restart of Redis loses jobs; set `appendonly yes`"
        return Finding("redis persistence", None, remedy)
    if about.get("aof_last_write_status") != "ok" or about.get("aof_last_bgrewrite_status") != "ok":
        remedy = "the append-only file could not be written: look for a full disk, and at Redis' own log"
        return Finding("redis persistence", False, remedy)
    return Finding("redis persistence", True, "append-only file on, last written well")


def _check_replication(about: dict[str, Any]) -> Finding:
    if "min_slaves_good_slaves" in about:  # Redis tells it where `min-replicas-to-write` is set
        return Finding("redis replication", True, f"{about['min_slaves_good_slaves']} replicas in time")
    remedy = "a master that was cut off goes on taking writes, which are lost: set `min-replicas-to-write 1`"
    return Finding("redis replication", None, f"{remedy} on three servers (docs/scaling.md)")


def _check_eviction(about: dict[str, Any]) -> Finding:
    policy = about.get("maxmemory_policy")
    if policy == "noeviction":
        return Finding("redis eviction", True, "noeviction")
    return Finding("redis eviction", False, f"{policy} would throw jobs away: set `maxmemory-policy noeviction`")


def _check_memory(about: dict[str, Any]) -> Finding:
    used, most = int(about.get("used_memory", 0)), int(about.get("maxmemory", 0))
    if not most:
        remedy = f"{used >> 20} MiB used, no limit: a full machine would kill Redis; set `maxmemory`"
        return Finding("redis memory", None, remedy)
    shown = f"{used >> 20} of {most >> 20} MiB used"
    if used < FULL * most:
        return Finding("redis memory", True, shown)
    return Finding(
        "redis memory", None, f"{shown}: raise `maxmemory`, or let results expire sooner (LLAMAQ_RESULT_TTL)"
    )


def _check_rights(client: Client, config: Settings) -> Finding:
    tried = {what: _find_refusal(attempt) for what, attempt in _list_commands(client, config).items()}
    refused = {what: refusal for what, refusal in tried.items() if refusal}
    if refused:
        first = next(iter(refused.values()))
        remedy = "compare its line with ops/redis/users.acl, and look for `rename-command` in redis.conf"
        return Finding("redis rights", False, f"this user may not {', '.join(refused)} ({first}): {remedy}")
    try:
        user = client.acl_whoami()
    except RedisError:
        return Finding("redis rights", True, "all that a worker needs")
    if user == "default":
        remedy = "the default user, who may do everything: give each side a user of its own (ops/redis/users.acl)"
        return Finding("redis rights", None, remedy)
    return Finding("redis rights", True, f"user {user} may do all that a worker needs")


def _list_commands(client: Client, config: Settings) -> dict[str, Callable[[], object]]:
    """List one harmless command for each kind of access that a worker needs, on the keys that it uses."""
    keys = config.producer.keys
    queue = keys.host_queue(config.host)
    claim = Claim(id=NO_JOB, host="", lease_seconds=1, worker="", members="", fence="")
    return {
        "load scripts": lambda: client.script_load(scripts.load(Claim).text),
        "run scripts": lambda: run(client, Call(keys.prefix, claim)),
        f"use {keys.record('<id>')}": lambda: client.hdel(keys.record(NO_JOB), "state"),
        f"use {keys.inbox()}": lambda: client.xlen(keys.inbox()),
        f"use {keys.scripts()}": lambda: client.hlen(keys.scripts()),
        f"use Celery's queue {keys.intake_queue()}": lambda: client.lrem(keys.intake_queue(), 1, NO_JOB),
        f"use Celery's queue {queue}": lambda: client.lrem(queue, 1, NO_JOB),
        "use Celery's _kombu.binding.*": lambda: client.srem(f"_kombu.binding.{keys.mailbox()}", NO_JOB),
        # The subscribers of a control channel ignore an unknown job.
        f"publish on {keys.control(config.host)}": lambda: client.publish(keys.control(config.host), NO_JOB),
        f"listen to {keys.control(config.host)}": lambda: _listen(client, keys.control(config.host)),
        f"listen to Celery's /0.{keys.mailbox()}": lambda: _listen(client, f"/0.{keys.mailbox()}"),
    }


def _listen(client: Client, channel: str) -> None:
    with client.pubsub() as subscription:
        subscription.subscribe(channel)
        subscription.get_message(timeout=LOOK_SECONDS)


def _find_refusal(attempt: Callable[[], object]) -> str:
    """Find what Redis says of a command that it lacks, or that the user may not run; '' where it runs."""
    try:
        attempt()
    except RedisError as error:
        if is_denied(error) or lacks_command(error):
            return str(error).partition(" script: ")[0]  # behind it Redis says where in the script
    return ""


def _check_clock(client: Client, clock: Clock) -> Finding:
    before = clock.time()
    seconds, micros = client.time()
    apart = abs(seconds + micros / 1e6 - (before + clock.time()) / 2)
    if apart < CLOCK_SECONDS:
        return Finding("clock", True, "the same as Redis'")
    remedy = (
        f"{apart:.0f} s apart from Redis': jobs go by Redis' clock alone, but logs and metrics will not fit together; "
        "let NTP set both"
    )
    return Finding("clock", None, remedy)


def _check_shared_host(client: Client, config: Settings) -> Iterator[Finding]:
    """Check whether the workers of the host have the same settings: the least counts for all."""
    names = ("slots", "max_models")
    *theirs, sizes, machines = client.hmget(config.producer.keys.host(config.host), *names, "sizes", "machines")
    if machines is not None:
        said = (
            f"{machines} machines report an Ollama of their own as {config.host}: their jobs and slots are mixed "
            "up; set another LLAMAQ_HOST for each"
        )
        yield Finding("host", False, said)
    ours = (config.slots, config.max_models)
    differing = [
        f"LLAMAQ_{name.upper()}={mine} here, {other} there"
        for name, mine, other in zip(names, ours, theirs, strict=True)
        if other is not None and other != str(mine)
    ]
    if sizes is not None:
        differing.append(f"its workers state {sizes} (LLAMAQ_SLOTS x LLAMAQ_MAX_MODELS), and the least counts")
    if differing:
        said = f"another worker of {config.host} has other settings: {'; '.join(differing)}; set the same for all"
        yield Finding("slots", None, said)


def _check_duties(client: Client, config: Settings) -> Iterator[Finding]:
    """Check for duties of the fleet's workers that fail: a worker says so in Redis, since this is another process."""
    for each in FailingDuties(client, config.producer.keys).read():
        said = (
            f"{each.duty} of the worker {each.worker} on {each.host} has failed for a while, last "
            f"{each.seconds_ago:.0f} s ago: the worker's log has the reason, and a restart may mend it"
        )
        yield Finding("duties", False if each.host == config.host else None, said)


def _check_damaged_keys(client: Client, config: Settings) -> Iterator[Finding]:
    """Check for keys that something else has written over, and that workers have set aside since."""
    keys = config.producer.keys
    found = damaged_keys.read(client, keys)
    if found:
        last = found[0]
        place = f"the field {last.field} of {last.key}" if last.field else last.key
        said = (
            f"{len(found)} damaged keys or fields are set aside. The last one, {last.seconds_ago:.0f} s ago, was "
            f"{place}: {last.found!r} instead of a {last.wanted}. Find what else writes under {keys.prefix!r}; keys "
            f"are kept as {keys.damaged()}:<key>; then delete {keys.damaged()}"
        )
        yield Finding("keys", None, said)
