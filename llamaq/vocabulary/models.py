"""Models and hosts: the names of models, and the state of each model on each host."""

import difflib
import re
from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

_OLLAMAS = re.compile(
    r"(https?://)?(registry\.ollama\.ai/(?=[^/]+/[^/]+$)(library/)?|library/(?=[^/]+$))(?P<short>[^/:].*)"
)
_NO_NAME = re.compile(r"[\s\x00-\x1f\x7f-\x9f]")


def parse_model_name(name: str) -> str:
    """Parse and normalise the name of a model.

    Raises:
        ValueError: it cannot be a model's name.
    """
    name = name.strip()
    if not name:
        raise ValueError("a model needs a name")
    if name.startswith(":"):  # such names are the queues of host jobs
        raise ValueError("no model's name begins with a colon")
    if _NO_NAME.search(name):
        raise ValueError("no model's name has white space or control characters in it")
    return normalise(name)


def normalise(name: str) -> str:
    """The name as Ollama normalises it: no tag means `:latest`, letter case is ignored, and so are its own defaults.

    These are the scheme, the registry and the namespace `library`: `https://registry.ollama.ai/library/x` is `x`.
    """
    name = name.strip().lower()
    if found := _OLLAMAS.fullmatch(name):
        name = found["short"]
    return name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"


def spellings(name: str) -> list[str]:
    """The normalised name, and what it is with Ollama's own namespace and registry."""
    short = normalise(name)
    namespaced = [short] if "/" in short else [short, f"library/{short}"]
    whole = namespaced[-1]
    return [*namespaced, f"registry.ollama.ai/{whole}"] if whole.count("/") == 1 else namespaced


def matches_pattern(name: str, pattern: str, *, any_tag: bool) -> bool:
    """Whether a pattern such as `qwen3:*` or `library/qwen*` has a model. Letter case is ignored, and so is a scheme.

    Args:
        name: of the model.
        pattern: a glob.
        any_tag: whether a pattern without a tag is for each tag; else it is for `:latest`.
    """
    shape = re.sub("^https?://", "", pattern.strip().lower())
    return any(
        fnmatchcase(spelled, shape)
        or fnmatchcase(spelled.rpartition(":")[0] if any_tag else spelled.removesuffix(":latest"), shape)
        for spelled in spellings(name)
    )


def find_near_matches(name: str, offered: Iterable[str]) -> list[str]:
    """Find up to three offered names that are similar to a name, best first."""
    names = sorted(set(offered))
    family = name.split(":", 1)[0]
    relatives = [other for other in names if other.split(":", 1)[0] == family]
    alike = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    return list(dict.fromkeys(relatives + alike))[:3]


HostWork = Literal["running", "paused", "draining"]
Circuit = Literal["closed", "open", "half_open"]


class ModelStatus(BaseModel):
    """One model on one host, as its workers last reported it (from `/api/tags`, `/api/ps` and `/api/show`).

    Attributes:
        model: the name, with its tag.
        host: the identity of the host (`LLAMAQ_HOST`).
        size: bytes on disk.
        quantization: such as `Q4_K_M`.
        loaded: whether it is in memory.
        memory: bytes in memory, while loaded.
        vram: bytes of these on a GPU.
        gpu_share: the part on a GPU, from 0 to 1, while loaded.
        expires_at: when Ollama will unload it, while loaded.
        context_length: tokens of context: of the runner while loaded, else of the model where known.
        capabilities: such as `completion`, `vision`, `tools`, `thinking`, `embedding`; empty where they are not known.
        slots_used: requests that run there.
        slots: requests at a time.
        version: of the Ollama server.
        circuit: of the host; where that is closed, of this model there, which the host may refuse (503, 429) or
            fail with (500). `closed` (healthy), `open` (failed: it gets no jobs), `half_open` (one job is its trial).
        paused: whether an operator has paused the model, or the host: no job of it gets a slot there.
        last_error: the last failure of the host, or of the model there while its circuit is not closed; None without
            one. It stays when the host is well again.
        last_error_at: when that was; earlier than `seen_at` where the host has answered since.
        seen_at: when the host last answered its workers.
        listed: its entry in the host's `/api/tags`, as the host wrote it.
        running: that in `/api/ps`, while loaded. Models of the same weights share one.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore", protected_namespaces=())

    model: str
    host: str
    size: int | None = None
    family: str | None = None
    parameter_size: str | None = None
    quantization: str | None = None
    context_length: int | None = None
    capabilities: tuple[str, ...] = ()
    loaded: bool = False
    memory: int | None = None
    vram: int | None = None
    gpu_share: float | None = None
    expires_at: datetime | None = None
    slots_used: int = 0
    slots: int = 0
    version: str | None = None
    circuit: Circuit = "closed"
    paused: bool = False
    last_error: str | None = None
    last_error_at: datetime | None = None
    seen_at: datetime | None = None
    listed: dict[str, Any] | None = None
    running: dict[str, Any] | None = None


class HostStatus(BaseModel):
    """One host that a worker serves, also while it does not answer or has no model.

    Attributes:
        host: its identity (`LLAMAQ_HOST`).
        state: `running`; `paused` by an operator (its models get no jobs); `draining` (nothing begins there).
        circuit: `closed` (healthy), `open` (failed: it gets no jobs), `half_open` (one job is its trial).
        last_error: its last failure; None without one. It stays when the host is well again.
        last_error_at: when that was; earlier than `seen_at` where the host has answered since.
        slots_used: requests running there.
        slots: requests at a time for each model.
        max_models: models running at a time.
        version: of the Ollama server.
        seen_at: when it last answered its workers; None where it never did.
        sizes: the sizes that its workers state (`LLAMAQ_SLOTS` x `LLAMAQ_MAX_MODELS`), where they differ, such as
            `1x1, 6x1`: the least counts. None where they agree.
        machines: the number of machines that have this host at a loopback address, where it is more than one: they are
            different servers under one name, and each needs a `LLAMAQ_HOST` of its own. Else None.
        models: its models; empty after three probes without an answer.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore", protected_namespaces=())

    host: str
    state: HostWork = "running"
    circuit: Circuit = "closed"
    last_error: str | None = None
    last_error_at: datetime | None = None
    slots_used: int = 0
    slots: int = 0
    max_models: int = 0
    version: str | None = None
    seen_at: datetime | None = None
    sizes: str | None = None
    machines: int | None = None
    models: tuple[ModelStatus, ...] = ()


class WorkerStatus(BaseModel):
    """One worker process, as it last reported itself.

    Attributes:
        name: its name.
        host: the host that it serves.
        state: `running`; `draining`: it stops, or an operator drains its host, and nothing new begins; `paused`: an
            operator has paused its host.
        slots_used: jobs that it runs.
        version: of its llamaq; None where it does not report it.
        since: when it started; None likewise.
        seen_at: its last report; None while it stops.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    name: str
    host: str
    state: HostWork = "running"
    slots_used: int = 0
    version: str | None = None
    since: datetime | None = None
    seen_at: datetime | None = None
