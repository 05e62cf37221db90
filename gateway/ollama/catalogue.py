"""The models of the fleet in the forms of `/api/tags`, `/api/ps`, `/api/show` and `/api/version`."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from llamaq import HostStatus, ModelStatus
from llamaq.vocabulary.models import normalise
from ollama_api.decoding import Json

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
Allowed = Callable[[str], bool]
"""Whether a caller may use a model."""


def render_tags(models: Iterable[ModelStatus], allowed: Allowed) -> Json:
    """Render one entry for each name, as the host with the newest wrote it; the newest first."""
    entries = [status.listed for status in models if status.listed and allowed(status.model)]
    return {"models": _merge(entries, "modified_at")}


def render_ps(models: Iterable[ModelStatus], allowed: Allowed) -> Json:
    """Render one entry for each name in memory, as the host wrote it where it stays longest; that one first."""
    entries = [status.running for status in models if status.running and allowed(status.running["name"])]
    return {"models": _merge(entries, "expires_at")}


def render_card(model: str, models: Iterable[ModelStatus], shown: Json | None) -> Json:
    """Render a model in detail: its host's answer to `/api/show`, or else what the hosts' lists say."""
    if shown is not None:
        return shown
    status = next(status for status in models if status.model == normalise(model))
    details = (status.listed or {}).get("details", {})
    return {"details": details, "model_info": {}, "capabilities": list(status.capabilities)}


def lowest_version(hosts: Sequence[HostStatus]) -> str | None:
    """The lowest version of Ollama among the hosts; None where none is known."""
    return min((host.version for host in hosts if host.version), key=_version_key, default=None)


def _merge(entries: Iterable[Json], time: str) -> list[Json]:
    found: dict[str, Json] = {}
    # By whole seconds, as Ollama does: within one the host's order stays.
    for entry in sorted(entries, key=lambda entry: int(_parse_time(entry.get(time)).timestamp()), reverse=True):
        found.setdefault(normalise(entry["name"]), entry)
    return list(found.values())


def _parse_time(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return _NEVER
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _version_key(text: str) -> tuple[list[int], bool]:
    """The key to sort by: the numbers; a release comes behind its candidates."""
    numbers, _, candidate = text.partition("-")
    return [int(number) for number in re.findall(r"\d+", numbers)], not candidate
