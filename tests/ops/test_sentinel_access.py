"""Sentinels over TLS, with the ACL of ops/redis and with accounts of their own: every program finds the master."""

import asyncio
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
import requests

from embedded.redis import find_free_port
from embedded.scripted.launcher import ScriptedOllama
from llamaq import AsyncJobQueue, BrokerUnavailable, JobQueue
from llamaq.store.connections.confirmation import NEEDS_ONE, Confirmation
from llamaq.store.keys import Keys
from ops import credentials
from ops.topology.redis_server import LockedRedis, start_redis
from ops.topology.running import Running
from tests.commands import run
from tests.conftest import MODEL
from tests.faults.lateness import Lateness
from tests.integration.scraping import PORT, port_of, scrape
from tests.service import wait_until
from tests.worker_process import CHECKOUT, WorkerProcess

DOCS = Path(CHECKOUT / "docs" / "scaling.md")
OWN = "?sentinel_username=watcher&sentinel_password=of%2Bsentinels"
OWN_LINES = ["user default off", "user watcher on >of+sentinels allchannels +@all"]
pytestmark = pytest.mark.xdist_group("topology")


@dataclass(frozen=True, slots=True)
class Watched:
    """A Redis and three Sentinels.

    Attributes:
        ports: of the Sentinel that asks for no password, of that with an account of its own, and of that with
            the producer's account of Redis.
    """

    redis: LockedRedis
    ports: tuple[int, int, int]

    def url(self, user: str, sentinel: int, more: str = "?") -> str:
        """The address by one of the Sentinels, for `llamaq-<user>` of Redis."""
        ca = quote(str(self.redis.secrets / "ca.pem"), safe="/")
        place = f"127.0.0.1:{self.ports[sentinel]}/mymaster/0{more}&ssl_ca_certs={ca}".replace("?&", "?")
        return re.sub("@.*", f"@{place}", self.redis.url(user)).replace("rediss://", "rediss+sentinel://")


@pytest.fixture(scope="module")
def tls_sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """With the users that docs/scaling.md gives to Sentinels and replicas."""
    secrets = tmp_path_factory.mktemp("deployment") / "secrets"
    credentials.make_files(secrets)
    acl, users = secrets / "users.acl", re.findall("^user .*", DOCS.read_text(), re.MULTILINE)
    assert [line.split()[1] for line in users] == ["sentinel", "replica"]
    acl.write_text(acl.read_text() + "".join(f"{line}\n" for line in users))
    producer = (secrets / "redis_producer").read_text()
    with ExitStack() as stack:
        server = start_redis(tmp_path_factory.mktemp("redis"), secrets, tls=True)
        stack.enter_context(server.redis)
        ports = []
        for lines in ([], OWN_LINES, ["user default off", f"user llamaq-producer on >{producer} allchannels +@all"]):
            ports.append(find_free_port())
            folder = tmp_path_factory.mktemp("sentinel")
            (folder / "sentinel.conf").write_text("\n".join([*_config(server, ports[-1], folder), *lines]) + "\n")
            command = ["redis-server", str(folder / "sentinel.conf"), "--sentinel"]
            stack.enter_context(Running("sentinel", command, folder, {}).wait_listening(ports[-1]))
        yield Watched(server, (ports[0], ports[1], ports[2]))


def _config(server: LockedRedis, port: int, folder: Path) -> list[str]:
    return [
        "port 0",
        f"tls-port {port}",
        "bind 127.0.0.1",
        f"dir {folder}",
        f"tls-cert-file {server.secrets}/server.pem",
        f"tls-key-file {server.secrets}/server.key",
        f"tls-ca-cert-file {server.secrets}/ca.pem",
        "tls-auth-clients no",
        "tls-replication yes",
        f"sentinel monitor mymaster 127.0.0.1 {server.port} 2",
        "sentinel auth-user mymaster sentinel",
        "sentinel auth-pass mymaster SENTINEL-PASSWORD",
    ]


@pytest.fixture(scope="module")
def worker(tls_sentinels: Watched) -> Iterator[WorkerProcess]:
    """In front of a scripted host."""
    with ScriptedOllama.start() as ollama:
        ollama.script(tokens=["well"], times=None)
        with WorkerProcess(tls_sentinels.url("worker", 1, OWN), ollama.url) as worker:
            with JobQueue(tls_sentinels.url("producer", 0)) as queue:
                worker.start().ready(queue)
            yield worker


@pytest.mark.parametrize(
    ("sentinel", "more"),
    [
        pytest.param(0, "?", id="without_an_account"),
        pytest.param(1, OWN, id="with_an_account_of_theirs"),
        pytest.param(2, "?", id="with_that_of_redis"),
    ],
)
def test_both_clients_find_the_master(tls_sentinels: Watched, worker: WorkerProcess, sentinel: int, more: str) -> None:
    """A job goes there and comes back."""
    url = tls_sentinels.url("producer", sentinel, more)

    async def asked() -> str:
        async with AsyncJobQueue(url) as queue:
            return str((await (await queue.generate(MODEL, "x")).result(30)).text)

    with JobQueue(url) as queue:
        assert queue.generate(MODEL, "x").result(30).text == "well"
    assert asyncio.run(asked()) == "well"


@pytest.mark.parametrize(
    ("sentinel", "more"),
    [
        pytest.param(1, "?", id="none_of_the_accounts"),
        pytest.param(1, OWN.replace("of%2B", ""), id="a_wrong_password_of_theirs"),
    ],
)
def test_an_account_that_sentinels_refuse_is_named(tls_sentinels: Watched, sentinel: int, more: str) -> None:
    """In one line, within 5 s, without the password."""
    began = time.monotonic()

    with (
        Lateness() as late,
        JobQueue(tls_sentinels.url("producer", sentinel, more)) as queue,
        pytest.raises(BrokerUnavailable) as refused,
    ):
        queue.hosts()

    assert time.monotonic() - began < 6 + late.seconds
    assert f"the Sentinel 127.0.0.1:{tls_sentinels.ports[1]}" in str(refused.value)
    assert "sentinel_password" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_producer_may_ask_for_a_replica(auditor: "redis.Redis") -> None:
    """With the rights of ops/redis: all that a client sends before it confirms."""
    confirmation = Confirmation(Keys("llamaq").confirmed(), 5.0)
    confirmation.note_replication({NEEDS_ONE: 1})

    for command in (("INFO", "replication"), *confirmation.commands()):
        assert auditor.acl_dryrun("llamaq-producer", *command) == "OK"


def test_the_exporter_counts(tls_sentinels: Watched, worker: WorkerProcess) -> None:
    """By Sentinels with an account of their own, as a user of Redis who may do little."""
    command = [*WorkerProcess.COMMAND, "exporter"]
    url = tls_sentinels.url("exporter", 1, OWN)
    with WorkerProcess(url, "http://127.0.0.1:1", command, metrics_port=0) as exporter:
        exporter.start()
        wait_until(lambda: bool(PORT.search(exporter.log())) or exporter.process.poll() is not None)

        seen = scrape(port_of(exporter))

        assert seen.figure("llamaq_redis_up") == 1
        assert "llamaq_backlog_jobs" in seen.shapes


def _run(*words: str, **settings: str) -> str:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("LLAMAQ_")}
    done = run([sys.executable, "-m", *words], cwd=CHECKOUT, env=bare | settings, timeout=60)
    return done.stdout + done.stderr


def test_the_command_line_and_the_preflight_ask(tls_sentinels: Watched, worker: WorkerProcess) -> None:
    """With the address alone."""
    url = tls_sentinels.url("producer", 1, OWN)
    assert _run("llamaq", "generate", MODEL, "x", LLAMAQ_REDIS_URL=url).strip() == "well"

    said = _run("worker", "check", LLAMAQ_REDIS_URL=tls_sentinels.url("worker", 1, OWN))

    place = f"the master mymaster of the Sentinels 127.0.0.1:{tls_sentinels.ports[1]} (database 0)"
    assert re.search(rf"^ok +redis: .* at {re.escape(place)}", said, re.MULTILINE), said
    assert "min-replicas-to-write" in said


def test_flower_shows_the_worker(tls_sentinels: Watched, worker: WorkerProcess, tmp_path: Path) -> None:
    """And the lengths of the queues."""
    port = find_free_port()
    settings = {
        "LLAMAQ_REDIS_URL": tls_sentinels.url("flower", 1, OWN),
        "LLAMAQ_FLOWER_PASSWORD_FILE": str(tls_sentinels.redis.secrets / "flower_password"),
    }
    command = [sys.executable, "-m", "celery", "--app", "worker.app", "flower", "--conf=ops/flower/flowerconfig.py"]
    login = ("llamaq", (tls_sentinels.redis.secrets / "flower_password").read_text())
    address = ["--address=127.0.0.1", f"--port={port}"]
    with Running("flower", [*command, *address], tmp_path, settings) as flower:
        flower.wait_listening(port)

        def asked(path: str) -> requests.Response:
            return requests.get(f"http://127.0.0.1:{port}/flower/api/{path}", auth=login, timeout=20)

        wait_until(lambda: len(asked("workers?refresh=1").json()) == 1)
        assert {"name": "llamaq", "messages": 0} in asked("queues/length").json()["active_queues"]
