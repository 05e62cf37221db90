"""What the fleet offers: names of models, and their state on each host."""

import difflib
from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, ConfigDict


def normalise(name: str) -> str:
    """The name as Ollama takes it: no tag means `:latest`, and letter case is ignored."""
    name = name.strip().lower()
    return name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"


def near_matches(name: str, offered: Iterable[str]) -> list[str]:
    """Up to three offered names that look like the one asked for, best first."""
    names = sorted(set(offered))
    family = name.split(":", 1)[0]
    relatives = [other for other in names if other.split(":", 1)[0] == family]
    alike = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    return list(dict.fromkeys(relatives + alike))[:3]


class ModelStatus(BaseModel):
    """One model on one host, as its workers last reported it (from `/api/tags` and `/api/ps`).

    Attributes:
        model: the name, with its tag.
        host: the identity of the host (`LLAMAQ_HOST`).
        size: bytes on disk.
        loaded: whether it is in memory.
        vram: bytes of it on a GPU, while loaded.
        expires_at: when Ollama will unload it, while loaded.
        context_length: tokens of context: of the runner while loaded, else of the model where known.
        capabilities: such as `completion`, `vision`, `tools`, `thinking`, `embedding`.
        slots_used: requests running on it there.
        slots: requests it serves at a time there.
        version: of the Ollama server.
        seen_at: when the host was last reported.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    model: str
    host: str
    size: int | None = None
    family: str | None = None
    parameter_size: str | None = None
    quantization: str | None = None
    context_length: int | None = None
    capabilities: tuple[str, ...] = ()
    loaded: bool = False
    vram: int | None = None
    expires_at: datetime | None = None
    slots_used: int = 0
    slots: int = 0
    version: str | None = None
    seen_at: datetime | None = None
