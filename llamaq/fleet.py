"""What the workers report of their hosts, read without any I/O."""

import json
from collections.abc import Sequence
from typing import Any

from llamaq.models import ModelStatus

LIVE_SECONDS = 15.0
"""A host not reported for three probes is gone; `lua/slots.lua` holds the same figure."""

HOST_FIELDS = ("status", "slots", "seen_at")


def live_hosts(time: Sequence[int], seen: Sequence[tuple[str, float]]) -> list[str]:
    """Hosts seen lately, by Redis' own clock (the answer of TIME)."""
    now = int(time[0]) + int(time[1]) / 1e6
    return [host for host, at in seen if at > now - LIVE_SECONDS]


def models(host: str, fields: Sequence[str | None], running: Sequence[str]) -> list[ModelStatus]:
    """The models of one host, from its record's `HOST_FIELDS` and the models of the jobs that hold its slots."""
    status, slots, seen_at = fields
    if status is None:
        return []
    report: dict[str, Any] = json.loads(status)
    common = {"host": host, "slots": int(slots or 0), "seen_at": seen_at, "version": report.get("version")}
    return [
        ModelStatus.model_validate({**model, **common, "slots_used": list(running).count(model["model"])})
        for model in report.get("models", [])
    ]
