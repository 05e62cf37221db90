"""nginx from ops/nginx before a scripted Ollama: what comes through, how fast, and what does not."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from api_client import Forbidden, OllamaClient, UntrustedCertificate
from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue
from ops.topology import nginx as topology_nginx
from ops.topology.nginx import Nginx, start_nginx
from ops.topology.rendering import render
from tests.conftest import MODEL
from tests.worker_process import WorkerProcess

ALLOWED = ["POST /api/generate", "POST /api/chat", "POST /api/embed", "POST /api/show"]
ALLOWED += ["GET /api/tags", "GET /api/ps", "GET /api/version"]
pytestmark = pytest.mark.needs("nginx")
HARMFUL = ("pull", "push", "create", "copy", "delete", "blobs/sha256:00", "embeddings")


@pytest.fixture(scope="module")
def behind() -> Iterator[ScriptedOllama]:
    """The host behind the door."""
    with ScriptedOllama.start(slots=2) as host:
        yield host


@pytest.fixture(scope="module")
def door(behind: ScriptedOllama, secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """The door."""
    opened = start_nginx(tmp_path_factory.mktemp("door"), secrets, behind.url)
    with opened.process:
        yield opened


@pytest.fixture(scope="module")
def token(secrets: Path) -> str:
    """What opens it."""
    return (secrets / "ollama_token").read_text()


def raw(door: Nginx, secrets: Path, line: str, *headers: str, body: str = "{}") -> tuple[int, str]:
    """Send a request line as it stands, which no HTTP library would; status and whole answer."""
    context = ssl.create_default_context(cafile=str(secrets / "ca.pem"))
    port = urlsplit(door.url).port
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        lines = [f"{line} HTTP/1.1", "Host: gpu.example", "Connection: close", f"Content-Length: {len(body)}", *headers]
        connection.sendall("\r\n".join([*lines, "", body]).encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return int(answer.split(b" ", 2)[1]), answer.decode(errors="replace")


@pytest.mark.parametrize("asked", ALLOWED)
def test_what_the_workers_ask_goes_through(asked: str, door: Nginx, secrets: Path, token: str) -> None:
    """With the token, and whatever Host the client names: Ollama gets one that it accepts."""
    model = "smollm2-embed:135m" if asked.endswith("embed") else MODEL
    body = f'{{"model":"{model}","prompt":"x","input":"x","messages":[{{"role":"user","content":"x"}}]}}'
    status, answer = raw(door, secrets, asked, f"Authorization: Bearer {token}", body=body)

    assert status == 200, answer


WAYS: tuple[str, ...] = (
    "/api/{0}",
    "//api/{0}",
    "/api//{0}",
    "/api/generate/../{0}",
    "/api/%2e%2e/api/{0}",
    "/api/generate/%2e%2e/{0}",
)
WAYS += ("/api%2f{0}", "/%61pi/{0}", "/api/./{0}", "/api/generate%2f..%2f{0}", "/api/{0}?x=1", "/api/{0}/", "/API/{0}")
WAYS += ("/api/generate;/../{0}", "/api\\{0}", "http://localhost/api/{0}", "/api/generate%00/../{0}")


@pytest.mark.parametrize("harmful", HARMFUL)
def test_what_could_change_or_read_the_host_is_refused(
    harmful: str, door: Nginx, secrets: Path, token: str, behind: ScriptedOllama
) -> None:
    """Pull, push, create, copy, delete and blobs, by any method and in any spelling; nothing reaches Ollama."""
    before = behind.stats(bodies=False)["arrived"]
    for way in WAYS:
        for method in ("POST", "GET", "DELETE", "HEAD", "PUT"):
            line = f"{method} {way.format(harmful)}"
            status, _ = raw(door, secrets, line, f"Authorization: Bearer {token}")
            assert status in (400, 403, 404, 405), line

    assert behind.stats(bodies=False)["arrived"] == before


@pytest.mark.parametrize(
    "asked",
    [
        *("GET /", "POST /v1/chat/completions", "POST //api/generate", "POST /api/generate/", "DELETE /api/generate"),
        *("POST /api/generate?x", "GET /api/generate", "OPTIONS /api/generate", "POST /api/pull/../generate"),
        "POST /api",
    ],
)
def test_nothing_else_is_served(asked: str, door: Nginx, secrets: Path, token: str, behind: ScriptedOllama) -> None:
    """Only what is on the list, letter by letter."""
    before = behind.stats(bodies=False)["arrived"]

    status, _ = raw(door, secrets, asked, f"Authorization: Bearer {token}")

    assert status in (403, 404)
    assert behind.stats(bodies=False)["arrived"] == before


def test_without_the_token_nothing_comes_in(door: Nginx, secrets: Path, token: str) -> None:
    """401 for none, for another, for one in other letters and other schemes; also for what would be refused anyway."""
    wrong = ["", "Bearer", "Bearer x", f"Bearer {token}x", f"Bearer x{token}", f"Bearer {token.swapcase()}"]
    wrong += [f"Basic {token}", token, f"Bearer {token} {token}"]
    for header in wrong:
        for asked in ("POST /api/generate", "POST /api/pull", "GET /api/tags"):
            status, answer = raw(door, secrets, asked, *([f"Authorization: {header}"] if header else []))
            assert status == 401, header
            assert "WWW-Authenticate: Bearer" in answer


def test_ollama_learns_neither_token_nor_origin(door: Nginx, secrets: Path, token: str, behind: ScriptedOllama) -> None:
    """The token is the door's."""
    raw(door, secrets, "GET /api/version", f"Authorization: Bearer {token}", "Origin: https://evil.example")

    seen = str(behind.stats())
    assert token not in seen
    assert "evil.example" not in seen
    assert "gpu.example" not in seen


class Dashboards(BaseHTTPRequestHandler):
    """Answers with the path and the host that were asked for, as what stands in Grafana's place."""

    def do_GET(self) -> None:
        """Answer."""
        body = f"grafana {self.path} {self.headers['Host']} {self.headers['X-Forwarded-Proto']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_grafana_is_behind_it(behind: ScriptedOllama, secrets: Path, tmp_path: Path) -> None:
    """Its own pages, under the same path; other paths stay closed."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Dashboards) as grafana:
        threading.Thread(target=grafana.serve_forever).start()
        url = f"http://127.0.0.1:{grafana.server_port}"
        with (opened := start_nginx(tmp_path, secrets, behind.url, grafana_url=url)).process:
            status, answer = raw(opened, secrets, "GET /grafana/login")
            closed = raw(opened, secrets, "GET /login")[1]
        grafana.shutdown()

    assert (status, answer.rpartition("\r\n")[2]) == (200, "grafana /grafana/login gpu.example https")
    assert "nothing is served here" in closed


def test_addresses_off_the_list_are_refused(
    behind: ScriptedOllama, secrets: Path, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is looked at before the token."""
    others = tmp_path / "nginx-files"
    others.mkdir()
    for file in topology_nginx.NGINX.glob("*.conf"):
        changes = {"allow 127.0.0.0/8;": ""} if file.name == "allowed_addresses.conf" else {}
        render(file, others / file.name, changes)
    monkeypatch.setattr(topology_nginx, "NGINX", others)
    with (opened := start_nginx(tmp_path, secrets, behind.url)).process:
        status, _ = raw(opened, secrets, "GET /api/tags", f"Authorization: Bearer {token}")

    assert status == 403


def test_tokens_arrive_as_they_are_made(door: Nginx, secrets: Path, token: str, behind: ScriptedOllama) -> None:
    """The first one is there while the host has not made the second: it is held until the first has been seen."""
    behind.script(tokens=["first", " second"], hold="door", hold_after=1)
    with OllamaClient(door.url, token=token, ca_file=str(secrets / "ca.pem")) as client:
        chunks = iter(client.generate({"model": MODEL, "prompt": "x"}))
        first = next(chunks)
        behind.release("door")
        rest = list(chunks)

    assert first["response"] == "first"
    assert rest[-1]["done"]


def test_a_client_without_the_authority_sends_no_token(door: Nginx, token: str) -> None:
    """And is told which file is missing."""
    with OllamaClient(door.url, token=token, retries=0) as client, pytest.raises(UntrustedCertificate, match="CA file"):
        client.version()


def test_a_wrong_token_is_named_as_such(door: Nginx, secrets: Path) -> None:
    """What the worker's preflight shows for it."""
    with (
        OllamaClient(door.url, token="wrong", ca_file=str(secrets / "ca.pem"), retries=0) as client,
        pytest.raises(Forbidden),
    ):
        client.version()


def test_a_worker_runs_jobs_through_the_door(
    door: Nginx, secrets: Path, redis_server: EmbeddedRedis, prefix: str, queue: JobQueue, behind: ScriptedOllama
) -> None:
    """`https://` with a private authority and a token from a file: jobs run and stream; a cancel reaches Ollama."""
    settings = {
        "prefix": prefix,
        "slots": 2,
        "host": "behind-the-door",
        "ollama_token_file": secrets / "ollama_token",
        "ollama_ca_file": secrets / "ca.pem",
    }
    with WorkerProcess(redis_server.url, door.url, None, **settings) as worker:
        worker.start().ready(queue)
        job = queue.generate(MODEL, "planted-prompt")
        assert "".join(job.text(on_restart="raise")) == job.result(30).text
        assert job.result(30).host == "behind-the-door"

        behind.script(tokens=["a"] * 5000, rate=50)
        slow = queue.generate(MODEL, "slow")
        next(iter(slow.text()))
        slow.cancel()
        behind.wait(lambda stats: any(entry["hung_up_at"] is not None for entry in stats["requests"]))
        said = worker.log()
    token = (secrets / "ollama_token").read_text()

    assert "planted-prompt" not in door.process.log() + said
    assert token not in door.process.log() + said


def test_the_door_stays_while_ollama_restarts(secrets: Path, token: str, tmp_path: Path) -> None:
    """Ollama away is a 502 at once, which workers take for what it is; back, it is served again without a reload."""
    with ScriptedOllama.start() as host, (opened := start_nginx(tmp_path, secrets, host.url)).process:
        host.kill()
        started = time.monotonic()
        status, _ = raw(opened, secrets, "GET /api/version", f"Authorization: Bearer {token}")
        assert status == 502
        assert time.monotonic() - started < 30
        host.restart()
        status, _ = raw(opened, secrets, "GET /api/version", f"Authorization: Bearer {token}")
        assert status == 200
