"""Reads what workers report of themselves, without any I/O."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llamaq.store.hosts import LIVE_SECONDS
from llamaq.store.keys import Keys
from llamaq.vocabulary.models import WorkerStatus


def commands(keys: Keys, host: str) -> list[list[str]]:
    """The commands that read the workers of a host, those that stop, and the jobs that hold its slots."""
    own = keys.host(host)
    return [["HGETALL", f"{own}:sizes"], ["HGETALL", f"{own}:leaving"], ["HKEYS", keys.slots(host)]]


def running_on(answers: Sequence[Any]) -> list[str]:
    """The jobs that hold slots, out of the replies to the `commands` of each host."""
    return [job_id for held in answers[2::3] for job_id in held]


def workers(
    now: float, hosts: Sequence[str], answers: Sequence[Any], runs: Sequence[object], paused: Mapping[str, str]
) -> list[WorkerStatus]:
    """The workers, sorted by host and name. `runs` holds the worker of each job of `running_on`."""
    used = Counter(runs)
    rows = [
        {**row, "host": host, "slots_used": used[row["name"]]}
        for host, present, leaving in zip(hosts, answers[::3], answers[1::3], strict=True)
        for row in (*_present(now, present, paused.get(f"host:{host}", "running")), *_leaving(now, leaving))
    ]
    return [WorkerStatus.model_validate(row) for row in sorted(rows, key=lambda row: (row["host"], row["name"]))]


def _present(now: float, rows: Mapping[str, str], state: str) -> Iterator[dict[str, Any]]:
    for name, text in rows.items():
        at, _slots, _max_models, _machine, version, since = (*text.split(" "), "", "", "")[:6]
        if abs(now - float(at)) <= LIVE_SECONDS:
            yield {"name": name, "state": state, "version": version or None, "since": since or None, "seen_at": at}


def _leaving(now: float, rows: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for name, text in rows.items():
        until, version, since = text.split(" ")
        if float(until) > now:
            yield {"name": name, "state": "draining", "version": version or None, "since": since or None}
