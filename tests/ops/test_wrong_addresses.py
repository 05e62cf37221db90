"""A wrong address of Redis: one line within 5 s that says what is wrong, for both clients, the check and a worker."""

import asyncio
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import redis
from structlog.testing import capture_logs

from embedded.redis import EmbeddedRedis, find_free_port
from llamaq import AsyncJobQueue, BrokerUnavailable, JobQueue
from ops import credentials
from ops.topology.redis_server import LockedRedis
from tests.faults.lateness import Lateness
from worker.celery.lifecycle import log_redis_problem
from worker.preflight.redis_checks import check_redis
from worker.settings.environment import Settings

SOON_SECONDS = 5.0
pytestmark = pytest.mark.xdist_group("topology")


@pytest.fixture(scope="module")
def servers(locked_redis: LockedRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The parts of the addresses: ports, and a CA that is another's."""
    other = tmp_path_factory.mktemp("other")
    credentials.make_files(other, ["127.0.0.1"])
    # A cluster uses the port 10,000 above, too. There it is above those that Linux gives to connections.
    low = next(port for port in iter(find_free_port, 0) if 51_000 < port < 55_000)
    with (
        EmbeddedRedis.start() as plain,
        EmbeddedRedis.start() as secret,
        EmbeddedRedis.start(port=low, options=("--cluster-enabled", "yes")) as cluster,
        redis.Redis(port=secret.port) as client,
    ):
        client.config_set("requirepass", "right")
        yield {
            "tls": str(locked_redis.port),
            "plain": str(plain.port),
            "secret": str(secret.port),
            "cluster": str(cluster.port),
            "other": str(Path(other) / "ca.pem"),
        }


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("rediss://127.0.0.1:{plain}/0", "begin {} with redis://", id="tls_against_plain"),
        pytest.param("redis://127.0.0.1:{tls}/0", "then it is rediss://", id="plain_against_tls"),
        pytest.param("rediss://127.0.0.1:{tls}/0", "ssl_ca_certs=FILE", id="an_unknown_ca"),
        pytest.param("rediss://127.0.0.1:{tls}/0?ssl_ca_certs={other}", "known authority", id="a_wrong_ca"),
        pytest.param("rediss://127.0.0.1:{tls}/0?ssl_ca_certs=/none", "ssl_... in {}", id="no_ca_file"),
        pytest.param("redis://127.0.0.1:{secret}/0", "wants a password", id="no_password"),
        pytest.param("redis://:wrong@127.0.0.1:{secret}/0", "user and password", id="a_wrong_password"),
        pytest.param("redis://who:right@127.0.0.1:{secret}/0", "user and password", id="a_wrong_user"),
        pytest.param("redis://127.0.0.1:{plain}/99", "no such database", id="no_such_database"),
        pytest.param("redis://127.0.0.1:{cluster}/0", "Redis Cluster", id="celery_9436_a_cluster"),
        pytest.param("redis://127.0.0.1:{cluster}/2", "Redis Cluster", id="a_database_of_a_cluster"),
        pytest.param("redis+sentinel://127.0.0.1:{plain}/m/0", "look at Sentinels", id="a_redis_is_no_sentinel"),
    ],
)
def test_it_is_said_in_one_line(servers: dict[str, str], url: str, says: str) -> None:
    """Without a part of the password, and with what to do."""
    _is_said(url.format(**servers), says)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("redis://no-such-host.invalid/0", "is it misspelt in {}", id="a_misspelt_host"),
        pytest.param("redis://127.0.0.1:{http}/0", "what answers there is no Redis", id="an_http_server"),
        pytest.param("redis+sentinel://127.0.0.1:1/m/0", "do the Sentinels run", id="no_sentinel"),
        pytest.param("unix:///nowhere/redis.sock", "is it running there", id="no_socket"),
    ],
)
def test_no_redis_there_is_said_in_one_line(http_port: int, url: str, says: str) -> None:
    """What kind of mistake it is, where no Redis answers."""
    _is_said(url.format(http=http_port), says)


@pytest.fixture(scope="module")
def http_port() -> Iterator[int]:
    """The port of an HTTP server, as when the gateway's is given for that of Redis."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        yield server.server_port
        server.shutdown()
        serving.join()


def _is_said(address: str, says: str) -> None:
    config = Settings(redis_url=address)

    async def submit() -> None:
        async with AsyncJobQueue(address) as queue:
            await queue.generate("m", "x")

    said = []
    for call in (lambda: JobQueue(address).generate("m", "x"), lambda: asyncio.run(submit())):
        began = time.monotonic()
        with Lateness() as late, pytest.raises(BrokerUnavailable) as refused:
            call()
        assert time.monotonic() - began < SOON_SECONDS + 1 + late.seconds
        said.append(str(refused.value))
    said += [finding.message for finding in check_redis(config) if finding.well is False][:1]
    with capture_logs() as logs:
        log_redis_problem(config)
    said += [line["event"] for line in logs if line["log_level"] == "error"]

    names = ["the argument `url`"] * 2 + ["LLAMAQ_REDIS_URL"] * 2
    assert [says.format(name) in text for name, text in zip(names, said, strict=True)] == [True] * 4, said
    assert not any("\n" in text or "right" in text or "wrong@" in text for text in said)
