"""`/v1/models`: what the fleet offers, each model once."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from llamaq.vocabulary.models import ModelStatus, normalise


def listed(models: Iterable[ModelStatus]) -> dict[str, Any]:
    """The list, the newest first; of a model that several hosts have, the newest entry, as its host wrote it."""
    found: dict[str, tuple[int, str]] = {}
    for model in models:
        created, name = _created(model), (model.listed or {}).get("name", model.model)
        if model.model not in found or created > found[model.model][0]:
            found[model.model] = created, name
    newest_first = sorted(found.values(), key=lambda entry: -entry[0])  # within a second in the host's order, as Ollama
    return {"object": "list", "data": [_entry(name, created) for created, name in newest_first]}


def one(models: Iterable[ModelStatus], name: str) -> dict[str, Any] | None:
    """One model, under the name that was asked for; None where no host has it."""
    created = [_created(model) for model in models if model.model == normalise(name)]
    return _entry(name, max(created)) if created else None


def _entry(name: str, created: int) -> dict[str, Any]:
    owner = name.split("/")[-2] if "/" in name else "library"
    return {"id": name, "object": "model", "created": created, "owned_by": owner}


def _created(model: ModelStatus) -> int:
    """When its host got it, in Unix seconds; 0 where the host gives no time that can be read."""
    said = (model.listed or {}).get("modified_at")
    try:
        moment = datetime.fromisoformat(str(said))
    except ValueError:
        return 0
    return max(0, int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))
