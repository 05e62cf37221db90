"""The numbers of the arithmetic in docs/scaling.md; arithmetic.md shows which of them make which."""

import math

from bench.scaling.figures.medians import ANSWER_TOKENS, ANSWERS_PER_SLOT, BUDGET_US, SLOTS, Medians
from bench.scaling.measures.memory import NODE_BYTES
from bench.scaling.measures.streams import DEFAULT, JOINED, READ
from bench.scaling.plan import RATE

GIGABYTE = 1e9
MEMORY_GIGABYTES = 64
"""Of one large Redis, for what it keeps."""
HOSTS = 1_000
STREAMS = 100_000
MOST_CLIENTS = 10_000
"""Redis' own `maxclients`."""
TOKEN_BYTES = len(" token")
_OWN, _SMALL = (str(size) for size in NODE_BYTES)


def numbers(of: Medians) -> dict[str, float]:
    """Every placeholder of arithmetic.md."""
    return {
        **_one_redis(of),
        **_memory(of),
        **_busy(of, "busy", of.token_us),
        **_busy(of, "joined", of.joined_us),
        **_many_hosts(of),
        **_many_streams(of),
    }


def _one_redis(of: Medians) -> dict[str, float]:
    token, joined, job = of.token_us, of.joined_us, of("job_redis_us", DEFAULT)
    return {
        "budget": BUDGET_US,
        "rate": RATE,
        "slots": SLOTS,
        "answer": ANSWER_TOKENS,
        "per_slot": ANSWERS_PER_SLOT,
        "token_us": token,
        "joined_us": joined,
        "joined_alone": of("token_redis_us", JOINED),
        "reader_us": of.reader_us,
        "joined_share": of.joined_share,
        "job_us": job,
        "tokens": BUDGET_US / token,
        "streams": BUDGET_US / token / RATE,
        "joined_tokens": BUDGET_US / joined,
        "joined_streams": BUDGET_US / joined / RATE,
        "jobs": BUDGET_US / job,
        "answers": BUDGET_US / (ANSWER_TOKENS * token + job),
        "disk_token": of("token_file_bytes", DEFAULT),
        "disk_rate": BUDGET_US / token * of("token_file_bytes", DEFAULT) / 1e6,
    }


def _memory(of: Medians) -> dict[str, float]:
    queued, delta, ended = of("queued_bytes", _OWN), of("log_bytes", _OWN) / 1_000, of("job_bytes", DEFAULT)
    dearer = of("log_bytes", _SMALL) / 1_000 - delta
    return {
        "queued_bytes": queued,
        "queued_jobs": GIGABYTE / queued,
        "delta_bytes": delta,
        "ended_bytes": ended,
        "kept_answers": GIGABYTE / (ended + ANSWER_TOKENS * delta),
        "node_own": NODE_BYTES[0],
        "node_small": NODE_BYTES[1],
        "node_dearer": dearer,
    }


def _busy(of: Medians, name: str, token_us: float) -> dict[str, float]:
    hosts = of.max_hosts(token_us)
    tokens, jobs, rounds = of.busy_us(hosts, token_us)
    return {
        f"{name}_hosts": hosts,
        f"{name}_tokens_ms": tokens / 1_000,
        f"{name}_jobs_ms": jobs / 1_000,
        f"{name}_rounds_ms": rounds / 1_000,
    }


def _many_hosts(of: Medians) -> dict[str, float]:
    least = of.least("hosts_submit_us")
    submit = of("hosts_submit_us", least) + of.each("hosts_submit_us") * HOSTS
    return {
        "many": HOSTS,
        "idle_commands": of.each("idle_commands"),
        "idle_hosts": BUDGET_US / max(of.each("idle_redis_us"), 1),
        "many_commands": of.each("idle_commands") * HOSTS,
        "idle_us": of.each("idle_redis_us"),
        "many_idle": of.each("idle_redis_us") * HOSTS / 1e4,
        "rescue_us": of.each("hosts_rescue_us"),
        "many_rescue": of.each("hosts_rescue_us") * HOSTS / 1_000,
        "submit_first": of("hosts_submit_us", least),
        "submit_us": of.each("hosts_submit_us"),
        "many_submit": submit,
        "many_jobs": BUDGET_US / submit,
        "many_needed": HOSTS * SLOTS * ANSWERS_PER_SLOT,
        "clients": of.each("idle_clients"),
        "many_clients": of.each("idle_clients") * HOSTS,
        "most_clients": MOST_CLIENTS,
        "many_redis": math.ceil(HOSTS / of.max_hosts(of.token_us)),
        "many_joined": math.ceil(HOSTS / of.max_hosts(of.joined_us)),
    }


def _many_streams(of: Medians) -> dict[str, float]:
    hosts, tokens = STREAMS / SLOTS, STREAMS * RATE
    redis, joined = math.ceil(hosts / of.max_hosts(of.token_us)), math.ceil(hosts / of.max_hosts(of.joined_us))
    worker, sent = of("token_worker_us", DEFAULT), of("token_sent_bytes", READ)
    # Joined, a token has a part of a delta; the text of those that came to an open delta is added to it.
    text = (1 - of.joined_share) * TOKEN_BYTES
    grows = tokens * (of.joined_share * of("log_bytes", _OWN) / 1_000 + text)
    return {
        "all_streams": STREAMS,
        "all_hosts": hosts,
        "all_tokens": tokens,
        "all_cores": tokens * of.token_us / 1e6,
        "all_joined_cores": tokens * of.joined_us / 1e6,
        "all_redis": redis,
        "all_joined": joined,
        "all_readers": STREAMS / joined,
        "all_grows": grows / 1e6,
        "gigabytes": MEMORY_GIGABYTES,
        "all_hours": joined * MEMORY_GIGABYTES * GIGABYTE / grows / 3600,
        "sent_bytes": sent,
        "token_bytes": TOKEN_BYTES,
        "all_wire": tokens * (sent * of.joined_share + text) * 8 / 1e9,
        "worker_us": worker,
        "worker_percent": SLOTS * RATE * worker / 1e4,
    }
