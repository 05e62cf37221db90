"""Producers that have nothing of ours: Node.js with ioredis, and a shell with redis-cli."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from embedded.redis import EmbeddedRedis
from llamaq import JobFailed
from tests.commands import run
from tests.conftest import MODEL
from tests.examples.program import EXAMPLES, Program, output
from tests.service import Service, wait_until

TOKENS = ["It", " is", " «blue»", "\nand so", " on."]
Producer = Callable[..., list[str]]


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example beside its packages, fetched by whatever registry npm is set up for."""
    npm = shutil.which("npm")
    assert npm
    folder = tmp_path_factory.mktemp("node") / "example"
    shutil.copytree(EXAMPLES / "node", folder, ignore=shutil.ignore_patterns("node_modules"))
    command = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--prefer-offline"]
    done = run(command, cwd=folder, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(
    params=[
        pytest.param("node", marks=pytest.mark.needs("npm")),
        pytest.param("redis-cli", marks=pytest.mark.needs("redis-cli")),
    ]
)
def example(request: pytest.FixtureRequest) -> tuple[list[str], Path]:
    """The command, and where it runs."""
    if request.param == "node":
        return ["node", "main.js"], request.getfixturevalue("node")
    return ["./llamaq.sh"], EXAMPLES / "redis-cli"


def submit(example: tuple[list[str], Path], environment: dict[str, str], model: str = MODEL) -> str:
    """The id of a job that the example has submitted."""
    command, folder = example
    words = [model, "Why?"] if command[0] == "node" else ["generate", json.dumps({"model": model, "prompt": "Why?"})]
    (job_id,) = output([*command, "submit", *words], environment, folder)
    return job_id


def told(service: Service, job_id: str) -> list[tuple[str, str]]:
    """Cursor and type of each event in the log."""
    return [(cursor, json.loads(event)["type"]) for cursor, event in service.log(job_id)]


def read(lines: list[str]) -> list[tuple[str, str]]:
    """The same, out of what an example printed."""
    pairs = []
    for line in lines:
        cursor, _, rest = line.partition(" ")
        pairs.append((cursor, json.loads(rest)["type"] if rest.startswith("{") else rest.partition(" ")[0]))
    return pairs


def test_a_job_is_followed_to_its_end(
    service: Service, environment: dict[str, str], example: tuple[list[str], Path]
) -> None:
    """Each event of the log once, in order, up to the result."""
    command, folder = example
    service.ollama.script(tokens=TOKENS, rate=50)
    job_id = submit(example, environment)

    lines = output([*command, "follow", job_id], environment, folder)

    assert read(lines) == told(service, job_id)
    assert read(lines)[-1][1] == "completed"
    assert json.dumps("".join(TOKENS), ensure_ascii=False)[1:-1] in lines[-1]


def test_a_reader_that_died_reads_on_behind_its_cursor(
    service: Service, environment: dict[str, str], example: tuple[list[str], Path]
) -> None:
    """What it saw before it was killed and what it sees afterwards are the whole log, nothing twice."""
    command, folder = example
    gate = service.hold(tokens=TOKENS, hold_after=2)
    job_id = submit(example, environment)
    with Program([*command, "follow", job_id], environment, folder) as reader:
        cursor = reader.line(r"^(\d+-\d+) .*delta")[1]
        reader.kill()
    service.ollama.release(gate)

    lines = output([*command, "follow", job_id, cursor], environment, folder)

    log = told(service, job_id)
    assert read(lines) == log[[entry for entry, _ in log].index(cursor) + 1 :]
    assert read(lines)[-1][1] == "completed"


def test_a_running_job_is_cancelled(
    service: Service, environment: dict[str, str], example: tuple[list[str], Path]
) -> None:
    """A reader sees it at once, and the connection to Ollama is closed."""
    command, folder = example
    service.hold(tokens=TOKENS, hold_after=1)
    job_id = submit(example, environment)
    with Program([*command, "follow", job_id], environment, folder) as reader:
        reader.line("delta")

        output([*command, "cancel", job_id, "no longer needed"], environment, folder)

        assert "no longer needed" in reader.line("cancelled").string
        assert reader.rest() == []
    service.wait_hung_up()


@pytest.mark.parametrize("words", [(), ("toString",), ("submit",), ("submit", "m"), ("follow",), ("cancel",)])
def test_a_command_without_its_words_tells_them(
    environment: dict[str, str], example: tuple[list[str], Path], words: tuple[str, ...]
) -> None:
    """And queues nothing that could only fail: it prints no id."""
    command, folder = example
    done = run([*command, *words], cwd=folder, env=environment, timeout=60)

    assert done.returncode in (1, 2)
    assert "follow ID [CURSOR]" in done.stderr
    assert done.stdout == ""


def test_a_refused_request_ends_failed(
    service: Service, environment: dict[str, str], example: tuple[list[str], Path]
) -> None:
    """There is nobody to raise to: the reason comes as the job's one event."""
    command, folder = example
    job_id = submit(example, environment, "nobody-has-this")

    lines = output([*command, "follow", job_id], environment, folder)

    assert [kind for _, kind in read(lines)] == ["failed"]
    assert "ollama pull nobody-has-this" in lines[0]
    with pytest.raises(JobFailed):
        service.queue.job(job_id).result(30)


def test_a_reader_behind_the_end_is_told_that_nothing_follows(
    service: Service, environment: dict[str, str], example: tuple[list[str], Path]
) -> None:
    """It does not wait for an event that cannot come."""
    command, folder = example
    service.ollama.script(tokens=TOKENS)
    job_id = submit(example, environment)
    service.queue.job(job_id).result(30)
    last, _ = told(service, job_id)[-1]

    done = run([*command, "follow", job_id, last], cwd=folder, env=environment, timeout=60)

    assert done.returncode == 1
    assert f"job {job_id} has ended, and there is nothing behind {last}" in done.stderr
    assert done.stdout == ""


@pytest.mark.needs("npm")
def test_an_outage_of_redis_is_told_once(environment: dict[str, str], node: Path) -> None:
    """However often it is tried again, over both connections; and then again after Redis was there."""
    with EmbeddedRedis.start() as server:
        where = environment | {"LLAMAQ_REDIS_URL": server.url}
        with Program(["node", "main.js", "follow", "nobody"], where, node) as reader:
            with redis.Redis.from_url(server.url) as client:
                wait_until(lambda: any(one["cmd"] == "xread" for one in client.client_list()))
            lines = []
            for _ in range(2):
                server.kill()
                lines.append(reader.line(r"^redis: .*ECONNREFUSED").string)
                server.restart()
                lines.append(reader.line("^redis: ").string)
            reader.kill()
    assert ["again" in line for line in lines] == [False, True] * 2


@pytest.mark.needs("redis-cli")
def test_the_shell_tells_where_a_job_stands(service: Service, environment: dict[str, str]) -> None:
    """By the field of the record that the contract names; an id of one's own is the job's."""
    folder, request = EXAMPLES / "redis-cli", json.dumps({"model": MODEL, "prompt": "Why?"})
    (job_id,) = output(["./llamaq.sh", "submit", "generate", request, f"{service.prefix}-7"], environment, folder)
    assert job_id == f"{service.prefix}-7"
    wait_until(lambda: service.redis.exists(service.keys.record(job_id)) == 1)
    service.queue.job(job_id).result(30)

    assert output(["./llamaq.sh", "state", job_id], environment, folder) == ["completed"]
