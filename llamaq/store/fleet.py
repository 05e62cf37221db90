"""Reads the records of hosts, which their workers report, without any I/O."""

import json
from collections.abc import Sequence
from typing import Any

from llamaq.vocabulary.models import HostStatus, ModelStatus

LIVE_SECONDS = 15.0
"""A host that has not answered for three probes offers nothing. `HOST_SECONDS` in `keys.lua` is the same figure."""

HOST_FIELDS = ("status", "slots", "max_models", "seen_at", "circuit", "last_error", "last_error_at")


def live_hosts(time: Sequence[int], seen: Sequence[tuple[str, float]]) -> list[str]:
    """The hosts that a worker has reported lately, sorted. `time` is the answer of TIME."""
    return sorted(host for host, at in seen if at > _seconds(time) - LIVE_SECONDS)


def hosts(time: Sequence[int], names: Sequence[str], answers: Sequence[Any]) -> list[HostStatus]:
    """The hosts. `answers` has for each the `HOST_FIELDS` of its record, and the model of each slot that is held."""
    records = zip(names, answers[::2], answers[1::2], strict=True)
    return [_host(_seconds(time), name, fields, running) for name, fields, running in records]


def _host(now: float, name: str, fields: Sequence[str | None], running: Sequence[str]) -> HostStatus:
    record = dict(zip(HOST_FIELDS, fields, strict=True))
    report: dict[str, Any] = json.loads(record.pop("status") or "{}")
    common: dict[str, Any] = {key: value for key, value in record.items() if value is not None}
    common |= {"host": name, "version": report.get("version")}
    offers = report.get("models", []) if float(record["seen_at"] or 0) > now - LIVE_SECONDS else []
    models = [{**common, **model, "slots_used": list(running).count(model["model"])} for model in offers]
    return HostStatus.model_validate(
        {**common, "slots_used": len(running), "models": [ModelStatus.model_validate(model) for model in models]}
    )


def _seconds(time: Sequence[int]) -> float:
    return int(time[0]) + int(time[1]) / 1e6
