"""The time that a fuzzer has, and the worker that it is set on."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from tests.faults.site import Site

SECONDS = float(os.environ.get("FUZZ_SECONDS", "2"))
"""For each of the ten doors, so 20 s in all. `FUZZ_SECONDS=3600` is a long run."""
SEEDS = json.loads((Path(__file__).parent / "seeds.json").read_text())


@pytest.fixture
def target() -> Iterator[Site]:
    """A Redis, a host, and a worker that must outlive whatever comes."""
    with EmbeddedRedis.start() as server, ScriptedOllama.start(slots=2) as ollama, Site(server, ollama) as site:
        site.start_worker(probe_seconds=0.5)
        yield site


def seeds(door: str, share: float = 1) -> Iterator[int]:
    """All seeds that are kept, then new ones until the time, or this share of it, is over."""
    limit = time.monotonic() + SECONDS * share
    fresh = int(time.time()) * 1_000
    yield from SEEDS[door]
    while time.monotonic() < limit:
        fresh += 1
        yield fresh
