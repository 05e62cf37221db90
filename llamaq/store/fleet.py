"""Reads what workers report of their hosts and of themselves, without any I/O."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from llamaq.store.answers import read_rows
from llamaq.store.keys import Keys
from llamaq.vocabulary.models import HostStatus, ModelStatus, WorkerStatus

LIVE_SECONDS = 15.0
"""A host that has not answered for three probes offers nothing, and a worker without a sign for so long is not listed.
`HOST_SECONDS` in `keys.lua` is the same figure."""
REFUSALS_KEPT_SECONDS = 7200
"""As in `refusals.lua`. An entry of the hash may be older, because those of other models keep the hash."""

IN_MEMORY = frozenset({"loaded", "memory", "vram", "gpu_share", "expires_at", "running"})
HOST_FIELDS = (
    "status",
    "slots",
    "max_models",
    "seen_at",
    "circuit",
    "last_error",
    "last_error_at",
    "sizes",
    "machines",
)


def find_live_hosts(time: Sequence[int], seen: Sequence[tuple[str, float]]) -> list[str]:
    """Find the hosts that a worker has reported lately, sorted. `time` is the answer of TIME."""
    return sorted(host for host, at in seen if at > _parse_time(time) - LIVE_SECONDS)


def build_host_commands(keys: Keys, host: str) -> list[list[str]]:
    """Build the commands that read a host's `HOST_FIELDS`, the model of each slot that is held, and its refusals."""
    record = ["HMGET", keys.host(host), *HOST_FIELDS]
    return [record, ["HVALS", keys.slots(host)], ["HGETALL", keys.refusals(host)]]


def read_hosts(
    time: Sequence[int], names: Sequence[str], answers: Sequence[Any], paused: Mapping[str, str]
) -> list[HostStatus]:
    """Read the hosts. `answers` has the replies to the commands for each, `paused` is the hash of what is paused."""
    records = zip(names, answers[::3], answers[1::3], answers[2::3], strict=True)
    rows = ((f"the host {record[0]}", record) for record in records)
    return read_rows(rows, lambda _, record: _read_host(_parse_time(time), paused, *record))


def build_worker_commands(keys: Keys, host: str) -> list[list[str]]:
    """Build the commands that read the workers of a host, those that stop, and the jobs that hold its slots."""
    own = keys.host(host)
    return [["HGETALL", f"{own}:sizes"], ["HGETALL", f"{own}:leaving"], ["HKEYS", keys.slots(host)]]


def read_running_jobs(answers: Sequence[Any]) -> list[str]:
    """Read the jobs that hold slots, out of the replies to the commands for the workers of each host."""
    return [job_id for held in answers[2::3] for job_id in held]


def read_workers(
    now: float, hosts: Sequence[str], answers: Sequence[Any], runs: Sequence[object], paused: Mapping[str, str]
) -> list[WorkerStatus]:
    """Read the workers, sorted by host and name. `runs` has the worker of each job of `read_running_jobs`."""
    used = Counter(runs)

    def read(_: str, row: tuple[str, str, int, str]) -> WorkerStatus | None:
        host, name, leaving, text = row
        found = _read_leaving(now, text) if leaving else _read_present(now, text, _read_state(paused, host))
        common = {"host": host, "name": name, "slots_used": used[name]}
        return WorkerStatus.model_validate(common | found) if found else None

    rows = (
        (f"the worker {name} of {host}", (host, name, leaving, text))
        for host, *stated in zip(hosts, answers[::3], answers[1::3], strict=True)
        for leaving, texts in enumerate(stated)
        for name, text in texts.items()
    )
    return sorted(filter(None, read_rows(rows, read)), key=lambda worker: (worker.host, worker.name))


def _read_state(paused: Mapping[str, str], host: str) -> str:
    """Read whether an operator has paused a host. To the scripts any word but `draining` is a pause."""
    word = paused.get(f"host:{host}", "running")
    return word if word in {"running", "draining"} else "paused"


def _parse_report(text: str | None) -> dict[str, Any]:
    """Parse the report of a host. Until the next one, a report that something else has written over counts as none."""
    with suppress(ValueError):
        found = json.loads(text or "{}")
        return found if isinstance(found, dict) else {}
    return {}


def _read_host(
    now: float,
    paused: Mapping[str, str],
    name: str,
    fields: Sequence[str | None],
    running: Sequence[str],
    refusals: Mapping[str, str],
) -> HostStatus:
    record = dict(zip(HOST_FIELDS, fields, strict=True))
    report = _parse_report(record.pop("status"))
    common: dict[str, Any] = {key: value for key, value in record.items() if value is not None}
    common |= {"host": name, "version": report.get("version")}
    seen, failed = float(record["seen_at"] or 0), float(record["last_error_at"] or 0)
    if report.get("problem") and failed < seen:
        common |= {"last_error": report["problem"], "last_error_at": record["seen_at"]}
    offers = report.get("models", []) if seen > now - LIVE_SECONDS else []
    silent = record["circuit"] == "open" and failed > seen
    closed = common.get("circuit", "closed") == "closed"
    state = _read_state(paused, name)
    models = [
        {
            **common,
            **(_drop_memory(model) if silent else model),
            "slots_used": list(running).count(model["model"]),
            "paused": state != "running" or f"model:{model['model']}" in paused,
            **(_read_circuit(now, refusals.get(model["model"])) if closed else {}),
        }
        for model in offers
    ]
    return HostStatus.model_validate(
        {
            **common,
            "state": state,
            "slots_used": len(running),
            "models": [ModelStatus.model_validate(model) for model in models],
        }
    )


def _drop_memory(model: dict[str, Any]) -> dict[str, Any]:
    """Drop the memory of a model whose host does not answer: what was in its memory may be gone with its process."""
    return {name: value for name, value in model.items() if name not in IN_MEMORY}


def _read_circuit(now: float, entry: str | None) -> dict[str, Any]:
    """Read the circuit of a model on a host that is well, as `refusals.lua` keeps it."""
    found = json.loads(entry) if entry else {}
    if "retry_at" not in found or found.get("refused_at", now) <= now - REFUSALS_KEPT_SECONDS:
        return {}
    return {
        "circuit": "open" if found["retry_at"] > now else "half_open",
        "last_error": found["reason"],
        "last_error_at": found.get("refused_at"),
    }


def _parse_time(time: Sequence[int]) -> float:
    return int(time[0]) + int(time[1]) / 1e6


def _read_present(now: float, text: str, state: str) -> dict[str, Any] | None:
    at, _slots, _max_models, _machine, version, since = (*text.split(" "), "", "", "")[:6]
    if abs(now - float(at)) > LIVE_SECONDS:
        return None
    return {"state": state, "version": version or None, "since": since or None, "seen_at": at}


def _read_leaving(now: float, text: str) -> dict[str, Any] | None:
    until, version, since = text.split(" ")
    return {"state": "draining", "version": version or None, "since": since or None} if float(until) > now else None
