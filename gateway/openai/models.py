"""`/v1/models`: what the fleet offers, each model once."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from llamaq.vocabulary.models import ModelStatus, normalise


def render_list(models: Iterable[ModelStatus]) -> dict[str, Any]:
    """Render the list, the newest first; of a model that several hosts have, the newest entry, as its host wrote it."""
    found: dict[str, tuple[int, str]] = {}
    for model in models:
        created, name = _created_at(model), (model.listed or {}).get("name", model.model)
        if model.model not in found or created > found[model.model][0]:
            found[model.model] = created, name
    newest_first = sorted(found.values(), key=lambda entry: -entry[0])  # within a second in the host's order, as Ollama
    return {"object": "list", "data": [_render_entry(name, created) for created, name in newest_first]}


def render_model(models: Iterable[ModelStatus], name: str) -> dict[str, Any] | None:
    """Render one model, under the name that was asked for; None where no host has it."""
    created = [_created_at(model) for model in models if model.model == normalise(name)]
    return _render_entry(name, max(created)) if created else None


def _render_entry(name: str, created: int) -> dict[str, Any]:
    owner = name.split("/")[-2] if "/" in name else "library"
    return {"id": name, "object": "model", "created": created, "owned_by": owner}


def _created_at(model: ModelStatus) -> int:
    """When its host got it, in Unix seconds; 0 where the host gives no time that can be read."""
    modified_at = (model.listed or {}).get("modified_at")
    try:
        moment = datetime.fromisoformat(str(modified_at))
    except ValueError:
        return 0
    return max(0, int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))
