"""What docker-compose.yml would start, really started: the same files and settings, as plain processes."""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue
from ops.topology import __main__ as topology_command
from ops.topology import compose
from ops.topology.rendering import NothingToChange, render
from ops.topology.running import Running
from ops.topology.site import Site
from tests.commands import run
from tests.conftest import MODEL
from tests.service import wait_until
from tests.worker_process import CHECKOUT

PROMPT = "planted-prompt-of-the-topology"
pytestmark = pytest.mark.xdist_group("topology")


@pytest.fixture
def queue(topology: Site) -> Iterator[JobQueue]:
    """A producer with its own user, over TLS."""
    with topology.open_producer() as queue:
        yield queue


def test_a_job_passes_through_the_whole_of_it(topology: Site, queue: JobQueue, topology_host: ScriptedOllama) -> None:
    """Producer, Redis over TLS, worker, nginx with token and TLS, Ollama, and back; nothing of it in any log."""
    topology_host.script(tokens=["an", "swer"])
    job = queue.generate(MODEL, PROMPT)

    assert "".join(job.text(on_restart="raise")) == job.result(30).text == "answer"
    assert job.result(30).host == topology.services["worker"]["environment"]["LLAMAQ_HOST"]
    logs = topology.nginx.process.log() + topology.worker.log() + topology.redis.redis.log()
    assert "/api/generate" in logs
    assert PROMPT not in logs
    files = [path for path in topology.secrets.iterdir() if path.name.startswith(("redis_", "ollama_token"))]
    secrets = [path.read_text() for path in files]
    assert [secret for secret in secrets if secret.strip() in logs] == []


@pytest.mark.needs("curl", "redis-cli")
def test_the_health_checks_of_compose_pass(topology: Site) -> None:
    """Each is the very command of the file, with the paths and ports of this machine; on a stopped one it fails."""
    checks = {
        "redis": topology.services["redis"]["healthcheck"]["test"],
        "nginx": topology.services["nginx"]["healthcheck"]["test"],
        "worker": ["CMD", *_image_check()],
    }
    port = urlsplit(topology.nginx.url).port
    changes = {
        "/run/secrets": str(topology.secrets),
        "/run/llamaq/alive": str(topology.liveness_file),
        "redis-cli": f"redis-cli -p {topology.redis.port}",
        ":8443": f":{port}",
    }
    for name, (how, *words) in checks.items():
        command = [sys.executable if word == "python" else word for word in words]
        for old, new in changes.items():
            command = [word.replace(old, new) for word in command]
        command = ["sh", "-c", *command] if how == "CMD-SHELL" else command
        done = run(command, cwd=CHECKOUT, timeout=30)
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"


def _image_check() -> list[str]:
    (found,) = re.findall(r"^  CMD \[(.*)\]$", (CHECKOUT / "Dockerfile").read_text(), re.MULTILINE)
    return [word.strip().strip('"') for word in found.split(",")]


def test_replicas_share_the_slots_of_the_host(topology: Site, queue: JobQueue, topology_host: ScriptedOllama) -> None:
    """`--scale worker=2`: nothing clashes, the host has as many slots as before; one that is stopped drains."""
    replica = topology.start_worker("worker-2")
    slots = int(topology.services["worker"]["environment"]["LLAMAQ_SLOTS"])
    jobs = queue.submit_many([{"kind": "generate", "model": MODEL, "prompt": str(number)} for number in range(20)])
    assert all(job.result(60).text for job in jobs)
    assert max(model.slots for model in queue.models()) == slots

    topology_host.script(tokens=["a"] * 40, rate=20)
    running = queue.generate(MODEL, "drained")
    next(iter(running.text()))
    code = replica.stop()

    assert code == 0
    assert running.result(60).text == "a" * 40
    assert running.status().attempt == 1


@pytest.mark.needs("curl")
def test_flower_is_behind_the_door(topology: Site, started_flower: Running) -> None:
    """With its login, and with the two pages closed that Flower leaves open."""
    secret = (topology.secrets / "flower_password").read_text()

    def status(path: str, *more: str) -> str:
        url = f"{topology.nginx.url}/flower/{path}"
        command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", str(topology.secrets / "ca.pem")]
        return run([*command, *more, url], timeout=30, check=True).stdout

    wait_until(lambda: status("workers") == "401")
    assert status("workers", "--user", f"llamaq:{secret}") == "200"
    assert status("workers", "--user", "llamaq:wrong") == "401"
    assert status("api/queues/length", "--user", f"llamaq:{secret}") == "200"
    assert "permission" not in started_flower.log()
    assert status("metrics") == status("healthcheck") == "403"
    assert secret not in started_flower.log()


@pytest.mark.needs("prometheus", "curl")
def test_prometheus_finds_the_worker(topology: Site) -> None:
    """It scrapes what compose would let it scrape."""
    topology.start_prometheus(scrape_seconds=1)
    url = f"{topology.prometheus_url}/api/v1/query?query=llamaq_redis_up"

    def answer() -> str:
        return run(["curl", "-s", url], timeout=30).stdout

    wait_until(lambda: '"__name__":"llamaq_redis_up"' in answer())


def test_variables_of_the_compose_file_are_filled_in() -> None:
    """As the engine does: a default where nothing is given, and a doubled dollar for the container's shell."""
    assert compose.read_services({"LLAMAQ_SLOTS": "7"})["worker"]["environment"]["LLAMAQ_SLOTS"] == 7
    assert compose.read_services()["worker"]["environment"]["LLAMAQ_SLOTS"] == 2
    assert "$(cat" in compose.read_services()["redis"]["healthcheck"]["test"][1]


def test_a_file_that_no_longer_fits_is_noticed(tmp_path: Path) -> None:
    """What is to be replaced has to be there: else the topology would run something else than compose."""
    source = tmp_path / "source"
    source.write_text("listen 1;")

    with pytest.raises(NothingToChange, match="listen 2"):
        render(source, tmp_path / "target", {"listen 2": "x"})


def test_a_machine_without_its_programs_is_told_all_of_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, with Debian's packages, and before anything is started."""
    missing = ("nginx", "prometheus")
    monkeypatch.setattr(topology_command, "find_program", lambda name: None if name in missing else name)
    assert topology_command.main([]) == 1
    assert "this machine lacks nginx-light, prometheus: apt-get install" in capsys.readouterr().err


class Standing:
    """The topology that runs already, in the place of one that the command would start."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def __getattr__(self, name: str) -> Any:
        return (lambda: None) if name.startswith("start_") else getattr(self._site, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None: ...


def test_the_command_runs_one_job_through_all_of_it(
    topology: Site,
    topology_host: ScriptedOllama,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`run.py ops topology`: the addresses and the answer are printed, and the exit code is 0."""
    monkeypatch.setattr(topology_command, "_require_programs", lambda install: None)
    monkeypatch.setattr(topology_command, "Site", lambda _folder, _url: Standing(topology))
    topology_host.script(tokens=["through", " all"])
    assert topology_command.main(["--ollama", topology_host.url]) == 0
    said = capsys.readouterr().out
    assert said.endswith("through all\n")
    assert {line.split()[0] for line in said.splitlines()} >= {"redis", "nginx", "gateway", "flower", "prometheus"}


class Interrupted:
    """A terminal where Ctrl-C is pressed."""

    def readline(self) -> str:
        raise KeyboardInterrupt


@pytest.mark.parametrize("terminal", [io.StringIO, Interrupted])
def test_what_was_kept_ends_in_order(
    terminal: type[io.StringIO | Interrupted],
    topology: Site,
    topology_host: ScriptedOllama,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where there is no terminal, whose input ends at once, and by Ctrl-C."""
    monkeypatch.setattr(topology_command, "_require_programs", lambda install: None)
    monkeypatch.setattr(topology_command, "Site", lambda _folder, _url: Standing(topology))
    monkeypatch.setattr("sys.stdin", terminal())

    assert topology_command.main(["--ollama", topology_host.url, "--keep"]) == 0
    assert capsys.readouterr().out.endswith("running; Enter or Ctrl-C ends it ")
