"""`/v1/models`: what the fleet offers, each model once."""

from collections.abc import Iterable
from typing import Any

from llamaq.vocabulary.models import ModelStatus, normalise


def listed(models: Iterable[ModelStatus]) -> dict[str, Any]:
    """The list, sorted by name; a model that several hosts have stands there once."""
    names = sorted({model.model for model in models})
    return {"object": "list", "data": [_model(name) for name in names]}


def one(models: Iterable[ModelStatus], name: str) -> dict[str, Any] | None:
    """One model, under the name that was asked for; None where no host has it."""
    return _model(name) if normalise(name) in {model.model for model in models} else None


def _model(name: str) -> dict[str, Any]:
    namespace, slash, _ = name.rpartition("/")
    return {"id": name, "object": "model", "created": 0, "owned_by": namespace if slash else "library"}
