"""The credentials of one deployment, made once, and a Redis that takes them.

Everything here runs the programs that an operator runs; `tests/programs.py` knows which fixture starts what.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from embedded.scripted.launcher import ScriptedOllama
from ops import credentials
from ops.topology.redis_server import LockedRedis, start_redis
from ops.topology.running import Running
from ops.topology.site import Site
from tests.ops.browser import Chromium

AUDITOR = "for-the-tests-alone"


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Passwords, tokens and certificates, as `run.py ops credentials` makes them."""
    folder = tmp_path_factory.mktemp("deployment") / "secrets"
    credentials.make_files(folder)
    acl = folder / "users.acl"
    # One more, for the tests alone: it reads what the ACL refused.
    acl.write_text(f"{acl.read_text()}user llamaq-auditor on >{AUDITOR} ~* &* +@all\n")
    (folder / "redis_auditor").write_text(AUDITOR)
    return folder


@pytest.fixture(scope="package")
def topology_host() -> Iterator[ScriptedOllama]:
    """In the place of the container `ollama`."""
    with ScriptedOllama.start(slots=2) as host:
        yield host


@pytest.fixture(scope="package")
def topology(topology_host: ScriptedOllama, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The compose file's services. Whoever asks for it is of the group `topology`, so that it is started once."""
    with Site(tmp_path_factory.mktemp("site"), topology_host.url) as site:
        yield site


@pytest.fixture(scope="package")
def started_flower(topology: Site) -> Running:
    """Flower, behind the door of the topology."""
    return topology.start_flower()


@pytest.fixture(scope="package")
def started_gateway(topology: Site) -> Running:
    """The gateway, behind the door of the topology."""
    return topology.start_gateway()


@pytest.fixture(scope="package")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """The browser program."""
    with Chromium(tmp_path_factory.mktemp("chromium") / "profile") as program:
        yield program


@pytest.fixture(scope="module")
def locked_redis(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LockedRedis]:
    """A Redis with the ACL of ops/redis, over TLS alone."""
    server = start_redis(tmp_path_factory.mktemp("redis"), secrets, tls=True)
    with server.redis:
        yield server


@pytest.fixture
def auditor(locked_redis: LockedRedis) -> Iterator["redis.Redis"]:
    """May do everything. What the ACL refused before the test is forgotten."""
    with redis.Redis.from_url(locked_redis.url("auditor"), decode_responses=True) as client:
        client.acl_log_reset()
        yield client
