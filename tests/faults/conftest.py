"""Sites for tests that break workers, or the Redis and the host too, and a calm one that tests share."""

from collections.abc import Iterator

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from tests.changed_worker import SOON, command
from tests.faults.site import Site


@pytest.fixture
def own_site() -> Iterator[Site]:
    """A Redis, a scripted host with two slots, and a producer of this test's own, which it may end; no worker yet.

    With `appendfsync everysec` Redis puts off a write while the disk is busy, and a kill loses what it has confirmed.
    """
    with (
        EmbeddedRedis.start(options=("--appendfsync", "no")) as server,
        ScriptedOllama.start(slots=2) as ollama,
        Site(server, ollama) as site,
    ):
        yield site


@pytest.fixture(scope="package")
def shared_host() -> Iterator[ScriptedOllama]:
    """Use `site`, which keeps tests apart."""
    with ScriptedOllama.start(slots=2) as ollama:
        yield ollama


@pytest.fixture
def site(redis_server: EmbeddedRedis, shared_host: ScriptedOllama) -> Iterator[Site]:
    """A prefix and a producer of this test's own, on a Redis and a host that it leaves alive; no worker yet."""
    with Site(redis_server, shared_host) as site:
        site.begin()
        yield site
    shared_host.clear()
    shared_host.wait(lambda stats: all(entry["ended_at"] is not None for entry in stats["requests"]))


@pytest.fixture(scope="package")
def calm_site() -> Iterator[Site]:
    """Use `calm`, which keeps tests apart."""
    with EmbeddedRedis.start() as server, ScriptedOllama.start(slots=2) as ollama, Site(server, ollama) as site:
        site.start_worker(command(SOON), probe_seconds=0.5)
        yield site


@pytest.fixture
def calm(calm_site: Site) -> Iterator[Site]:
    """A site with a worker of two slots, for tests that leave Redis and the worker alive; idle, and left idle."""
    with calm_site.apart() as site:
        yield site
    assert calm_site.workers[0].process.poll() is None, calm_site.workers[0].log()
