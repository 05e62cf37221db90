"""Names of models, as Ollama checks and writes them."""

import re

from llamaq.vocabulary.models import normalise
from ollama_api.refusal import Refusal

_REGISTRY = "registry.ollama.ai"
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"
_VALID = re.compile(
    r"(?:https?://)?(?:(?:[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}/)?[A-Za-z0-9_][A-Za-z0-9_-]{0,79}/)?"
    rf"{_PART}(?::{_PART})?"
)


def check_name(name: str, missing: Refusal) -> str:
    """Check a name. Returns it where a model can have it.

    Raises:
        Refusal: `missing` where there is none; else 400.
    """
    if not name:
        raise missing
    if not _VALID.fullmatch(name):
        raise Refusal(400, "invalid model name")
    return name


def full_name(name: str) -> str:
    """The name with the registry and the namespace, as some of Ollama's errors have it."""
    short = normalise(name)
    match short.count("/"):
        case 0:
            return f"{_REGISTRY}/library/{short}"
        case 1:
            return f"{_REGISTRY}/{short}"
    return short
