"""Each command of docs/operations.md is read from the page, and run as the user that the page names for it."""

import os
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

import run as run_py
from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue
from llamaq.cli.app import main as llamaq
from llamaq.settings.producer import ProducerVariables
from ops.topology.packages import SBIN
from ops.topology.running import Running
from ops.topology.site import Site
from tests.commands import run
from tests.conftest import MODEL
from tests.ops import page_commands
from tests.ops.page_commands import Command
from tests.service import fresh_name, wait_until
from tests.worker_process import CHECKOUT

pytestmark = [pytest.mark.xdist_group("topology"), pytest.mark.needs("nginx", "redis-cli", "curl")]
USERS = page_commands.users()
ELSEWHERE = {
    "docker": "needs a container engine",
    "kubectl": "needs a cluster",
    "systemctl": "needs systemd as the first process",
    "ollama": "needs an Ollama of its own; tests/live asks one",
    "nvidia-smi": "needs a GPU",
    "python3 run.py bench": "measures for minutes",
    "python3 run.py ops topology": "starts all services again; tests/ops/test_topology.py runs it",
}
"""Program -> why it is not run here."""
ALONE = {"df", "nvidia-smi"}  # a word of the page that is a command by itself


def _is_command(span: str) -> bool:
    program = Command(span).program
    known = program in USERS or program in ELSEWHERE or program.startswith("python3 ")
    return known and (span != program or span in ALONE)  # the name alone is only a name


def kind(line: str) -> str | None:
    """The entry of `ELSEWHERE` for it."""
    names = (name for name in ELSEWHERE if line.startswith(name) or Command(line).program == name)
    return next(names, None)


SPANS = page_commands.in_spans()
LINES = list(dict.fromkeys([*page_commands.in_blocks(), *filter(_is_command, SPANS)]))
RUN = [line for line in LINES if kind(line) is None]

NAMES = {f"{how} {name}" for how in ("python3 run.py", "python -m") for name in ("NAME", *run_py.COMMANDS)}
NAMES |= {*USERS, "redis-cli ...", page_commands.login()}
"""What the page calls by its name, without running it."""


@dataclass(slots=True)
class Desk:
    """Where an operator sits: the fleet, and a folder in the place of the machine's own folders."""

    site: Site
    host: ScriptedOllama
    queue: JobQueue
    folder: Path

    def at_home(self, line: str) -> str:
        """The line with the paths, ports and names of this machine."""
        secrets, port = self.site.secrets, self.site.redis.port
        flags = page_commands.login().removeprefix("redis-cli")
        logged_in = f"redis-cli -p {port}{flags} < ops/secrets/redis_admin"
        changes = {
            "redis-cli ...": logged_in,
            "ops/secrets": str(secrets),
            "/etc/": f"{self.folder}/etc/",
            "/backup/": f"{self.folder}/backup/",
            "/data/": f"{self.site.folder}/redis/",
            "redis.example:6379": f"127.0.0.1:{port}",
            "https://127.0.0.1:8444": self.site.nginx.http_url,
            "nginx -s": f"nginx -e stderr -c {self.site.folder}/nginx/nginx.conf -s",
            "python3 run.py ops credentials": f"python3 run.py ops credentials --folder {self.folder}/secrets",
        }
        for old, new in changes.items():
            line = line.replace(old, new)
        for name, (_, words, _) in sorted(run_py.COMMANDS.items(), reverse=True):
            line = re.sub(rf"python3 run\.py {name}\b", shlex.join([sys.executable, *words]), line)
        return line

    def settings(self, user: str) -> dict[str, str]:
        """The environment of a program under this user of Redis."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("LLAMAQ_", "OLLAMA_"))}
        own["PATH"] = f"{own['PATH']}:{SBIN}"  # an operator is root; a plain user of Debian has no nginx in the PATH
        if user == "none":
            return own
        name = user.removeprefix("llamaq-")
        own["LLAMAQ_REDIS_URL"] = self.site.redis.bare_url(name)
        own["LLAMAQ_REDIS_PASSWORD_FILE"] = str(self.site.secrets / f"redis_{name}")
        own["LLAMAQ_GATEWAY_KEYS_FILE"] = str(self.site.secrets / "gateway" / "keys")
        own["LLAMAQ_OLLAMA_URL"] = self.site.nginx.url
        own["LLAMAQ_OLLAMA_TOKEN_FILE"] = str(self.site.secrets / "ollama_token")
        own["LLAMAQ_OLLAMA_CA_FILE"] = str(self.site.secrets / "ca.pem")
        return own | {"LLAMAQ_HOST": "ollama", "LLAMAQ_METRICS_PORT": "0"}


@pytest.fixture(scope="module")
def admin(topology: Site) -> Iterator[Any]:
    """The runbook's user. What a command sets in Redis is as before in the end."""
    with redis.Redis.from_url(topology.redis.url("admin"), decode_responses=True) as client:
        names = ("maxmemory", "auto-aof-rewrite-percentage")
        before = {name: client.config_get(name)[name] for name in names}
        yield client
        for name, value in before.items():
            client.config_set(name, value)


@pytest.fixture
def desk(topology: Site, topology_host: ScriptedOllama, tmp_path: Path, admin: Any) -> Iterator[Desk]:
    """An idle fleet, whose host takes jobs; it does again after the command."""
    for folder in ("etc/llamaq", "etc/systemd/system", "backup", "secrets"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc" / "llamaq" / "worker.env").write_text(
        f"LLAMAQ_REDIS_URL={topology.redis.bare_url('worker')}\nLLAMAQ_OLLAMA_URL={topology_host.url}\n"
    )
    for name in ("redis_worker", "ollama_token"):
        (tmp_path / "etc" / "llamaq" / name).write_text((topology.secrets / name).read_text())
    with topology.open_producer() as queue:
        yield Desk(topology, topology_host, queue, tmp_path)
        queue.resume(host="ollama")
        topology_host.clear()
        for status in queue.jobs(state="running"):
            queue.job(status.id).cancel()


def test_the_page_has_commands_and_each_program_has_its_user() -> None:
    """What is not run here is of a kind with a reason, and no reason is left over."""
    assert len(RUN) > 25
    assert {kind(line) for line in LINES} - {None} == ELSEWHERE.keys()
    assert {Command(line).program for line in RUN} - {"setting"} - USERS.keys() == set()


def test_what_looks_like_a_command_and_is_none_is_known(admin: Any) -> None:
    """Several words in backquotes are a command, an option, or a line of a log or a file; no Redis command is bare."""
    sources = (path for folder in ("worker", "llamaq") for path in CHECKOUT.glob(f"{folder}/**/*.py"))
    logs = "".join(path.read_text("utf-8") for path in sources)
    directives = set(re.findall(r"^([\w-]+) ", (CHECKOUT / "ops" / "redis" / "redis.conf").read_text(), re.MULTILINE))

    def known(span: str) -> bool:
        first = span.split(maxsplit=1)[0]
        return span.startswith("--") or span in logs or first in directives or ":" in first

    others = [span for span in SPANS if " " in span and not _is_command(span) and span not in NAMES]
    assert [span for span in others if not known(span)] == []
    commands = {str(name).upper() for name in admin.command_list()}
    assert [span for span in SPANS if span.split()[0] in commands] == []


@pytest.mark.parametrize("line", [line for line in RUN if Command(line).program != "llamaq"])
def test_a_command_of_the_page_works(line: str, desk: Desk, started_gateway: Running) -> None:
    """In a shell, as the user that the page names; it fails neither for a right nor for an argument."""
    if line.endswith(" exporter"):
        _serves(desk, line)
        return
    if Command(line).program == "setting":
        assert line.partition("=")[0].removeprefix("LLAMAQ_").lower() in ProducerVariables.model_fields
        return
    typed = re.sub(r"\bKEY\b", "llamaq:damaged", desk.at_home(line))
    environment = desk.settings(USERS[Command(line).program])
    done = run(["sh", "-c", typed], cwd=CHECKOUT, env=environment, timeout=60)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert not re.search(r"NOPERM|WRONGPASS|NOAUTH|\bERR\b|WRONG ", said), said
    if " worker check" in line:
        assert "user llamaq-worker may do all that a worker needs" in said


def _serves(desk: Desk, line: str) -> None:
    """A program that runs until it is ended serves, and ends in order."""
    words = shlex.split(desk.at_home(line))
    with Running("exporter", words, desk.folder, desk.settings(USERS[line])) as exporter:
        exporter.wait_until(lambda: "metrics are served" in exporter.log())
        assert exporter.stop() == 0
    assert "NOPERM" not in exporter.log()


@pytest.mark.parametrize("line", [line for line in RUN if Command(line).program == "llamaq"])
def test_the_command_line_of_the_page_works(
    line: str, desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a producer of the fleet; it prints something, and ends with 0."""
    for name, value in desk.settings(USERS["llamaq"]).items():
        monkeypatch.setenv(name, value)
    words = line.split()[1:]
    values = {"H": "ollama", "CODE": "invalid_request", "FIELD=VALUE": "prompt=well"}
    if "ID" in words:
        values["ID"] = _dead_letter(desk) if words[0] == "dead" else _running(desk)
    typed = [values.get(word, word) for word in words]

    assert llamaq(typed) == 0
    assert capsys.readouterr().out


def _running(desk: Desk) -> str:
    """A job that runs until it is cancelled or let go."""
    gate = fresh_name()
    desk.host.script(tokens=["a"], hold=gate)
    job = desk.queue.generate(MODEL, "x")
    desk.host.wait(lambda stats: stats["held"].get(gate, 0) == 1)
    return job.id


def _dead_letter(desk: Desk) -> str:
    """A message of a producer without the SDK, which has no prompt."""
    name = fresh_name()
    with redis.Redis.from_url(desk.site.redis.url("producer")) as client:
        client.xadd("llamaq:inbox", {"id": name, "kind": "generate", "request": f'{{"model":"{MODEL}"}}'})

    def letters() -> list[str]:
        return [letter.id for letter in desk.queue.dead() if letter.job_id == name]

    wait_until(lambda: bool(letters()))
    return letters()[0]
