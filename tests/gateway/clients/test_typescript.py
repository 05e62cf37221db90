"""The package of clients/typescript: built, packed and installed with npm, against a running gateway."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import llamaq
from tests.commands import run
from tests.conftest import MODEL
from tests.contract.built import CHECKOUT
from tests.contract.code_blocks import of_language
from tests.contract.test_release import script
from tests.gateway.clients.program import PROGRAMS, ClientFailed, Program
from tests.gateway_process import GatewayProcess
from tests.service import Service, fresh_name

SOURCE = CHECKOUT / "clients" / "typescript"
NPM_SETTINGS = {"audit": "false", "fund": "false", "loglevel": "error", "prefer_offline": "true"}
NPM = ("npm", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline")
COMPILE = ("--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2023,dom,dom.asynciterable")
JOB: dict[str, Any] = {"kind": "generate", "model": MODEL, "prompt": "Say hello."}
TOKENS = [f"token {number} " for number in range(8)]
pytestmark = [
    pytest.mark.xdist_group("clients"),
    pytest.mark.timeout(400),
    pytest.mark.needs("npm", "npm registry"),
]


def run_checked(*command: str | Path, cwd: Path) -> str:
    """Run a command that must succeed: what it printed."""
    ended = run(command, cwd=cwd, timeout=240)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as the workflow of a release makes it: built and packed, beside what its lock file names."""
    checkout = tmp_path_factory.mktemp("typescript")
    folder = checkout / "clients" / "typescript"
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (checkout / "docs").mkdir()
    shutil.copy(CHECKOUT / "docs" / "openapi.json", checkout / "docs")
    quiet = {f"npm_config_{name}": value for name, value in NPM_SETTINGS.items()}
    in_a_workflow = {"GITHUB_SERVER_URL": "https://forge.example", "GITHUB_REPOSITORY": "someone/llamaq"}
    words = ["bash", "-e", "-o", "pipefail", "-c", script("build", "Package for npm")]
    ended = run(words, cwd=checkout, env={**os.environ, **quiet, **in_a_workflow}, timeout=240)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


@pytest.fixture(scope="session")
def installed(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a user, who has installed the packed package and compiled a program against it."""
    (packed,) = (package.parents[1] / "npm").glob("*.tgz")
    folder = tmp_path_factory.mktemp("user")
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    run_checked(*NPM, "install", packed, cwd=folder)
    shutil.copy(PROGRAMS / "typescript_verbs.ts", folder)
    run_checked(package / "node_modules" / ".bin" / "tsc", *COMPILE, "typescript_verbs.ts", cwd=folder)
    return folder


@pytest.fixture(scope="package")
def program(installed: Path, shared_front: tuple[Service, GatewayProcess]) -> Iterator[Program]:
    """The program, running."""
    with Program(["node", PROGRAMS / "typescript.mjs"], shared_front[1].url, installed) as started:
        yield started


@pytest.fixture
def queue(program: Program, service: Service) -> Program:
    """The same, before an idle service."""
    return program


def test_the_types_are_those_of_the_gateway(package: Path) -> None:
    """src/schema.ts is what openapi-typescript makes of docs/openapi.json: `npm run generate` after a change."""
    run_checked("npm", "run", "check", cwd=package)


def test_the_package_has_the_version_of_the_sdk() -> None:
    """In both files that npm reads."""
    lock = json.loads((SOURCE / "package-lock.json").read_text())
    versions = [json.loads((SOURCE / "package.json").read_text())["version"], lock["version"]]

    assert [*versions, lock["packages"][""]["version"]] == [llamaq.__version__] * 3


def test_the_package_holds_what_its_users_need(installed: Path) -> None:
    """The compiled modules with their types, and a page; nothing of the tools."""
    folder = installed / "node_modules" / "llamaq"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}

    assert {"package.json", "README.md", "dist/index.js", "dist/index.d.ts", "dist/schema.d.ts"} <= names
    assert {name.partition("/")[0] for name in names} == {"package.json", "README.md", "LICENSE", "dist", "src"}
    assert not (installed / "node_modules" / "typescript").exists()
    about = json.loads((folder / "package.json").read_text())
    assert about["repository"] == {
        "type": "git",
        "url": "git+https://forge.example/someone/llamaq.git",
        "directory": "clients/typescript",
    }


def test_the_code_in_the_pages_compiles(package: Path, installed: Path) -> None:
    """Blocks of TypeScript and JavaScript, as an editor checks them."""
    known = "declare const id: string;\ndeclare const answer: HTMLElement;\nexport {};\n"
    names = []
    for number, block in enumerate([*of_language("ts"), *of_language("js")]):
        names.append(f"block_{number}.ts")
        (installed / names[-1]).write_text(f"// {block}\n{known if block.language == 'js' else ''}{block.text}")
    run_checked(package / "node_modules" / ".bin" / "tsc", *COMPILE, "--noEmit", *names, cwd=installed)


def test_a_job_is_submitted_and_its_result_read(queue: Program, service: Service) -> None:
    """By one call that waits, by another one, and by the status."""
    service.ollama.script(tokens=["Hi", "!"])
    ended = queue.call("submit", job=JOB, wait=30)

    assert (ended["state"], ended["result"]["text"]) == ("completed", "Hi!")
    assert queue.call("result", id=ended["id"])["text"] == "Hi!"
    assert queue.call("status", id=ended["id"]) == ended


def test_an_idempotency_key_gives_the_same_job(queue: Program) -> None:
    """A request whose answer was lost may be sent again."""
    key = fresh_name()
    first, again = (queue.call("submit", job=JOB, idempotencyKey=key)["id"] for _ in range(2))

    assert first == again


def test_a_result_is_waited_for(queue: Program, service: Service) -> None:
    """The text of a job that ends later; the events are read up to its end."""
    service.ollama.script(tokens=TOKENS, rate=50)
    job_id = queue.call("submit", job=JOB)["id"]

    assert queue.call("result", id=job_id)["text"] == "".join(TOKENS)
    assert queue.call("text", id=job_id) == "".join(TOKENS)


@pytest.mark.parametrize("how", ["cut", "closed"])
def test_events_go_on_where_a_connection_ended(queue: Program, service: Service, how: str) -> None:
    """Each event of the log once and in order with its cursor, whatever the number of connections."""
    service.ollama.script(tokens=TOKENS, rate=200)
    job_id = queue.call("submit", job=JOB, wait=30)["id"]
    log = service.log(job_id)
    wanted = [{**json.loads(event), "cursor": cursor} for cursor, event in log]

    # The longest event passes with what stands around it, and never all: a slow machine joins all tokens to one event.
    read = queue.call("interrupted", id=job_id, bytes=max(len(event) for _, event in log) + 200, how=how)

    assert read["events"] == wanted
    assert read["connections"] > 1
    assert queue.call("events", id=job_id) == wanted
    assert queue.call("events", id=job_id, after=log[1][0]) == wanted[2:]
    assert queue.call("events", id=job_id, after=log[-1][0]) == []


def test_a_reader_that_leaves_ends_with_its_own_reason(queue: Program, service: Service) -> None:
    """And the job goes on."""
    gate = service.hold(tokens=["a", "b"], hold_after=1)
    job_id = queue.call("submit", job=JOB)["id"]

    assert queue.call("left", id=job_id) == "enough"
    service.ollama.release(gate)
    assert queue.call("result", id=job_id)["text"] == "ab"


def test_a_job_is_cancelled_and_deleted(queue: Program, service: Service) -> None:
    """Then it is not there: the status, the code and the message of the gateway."""
    service.hold()
    job_id = queue.call("submit", job=JOB)["id"]

    assert queue.call("cancel", id=job_id, reason="enough")["reason"] == "enough"
    queue.call("delete", id=job_id)
    with pytest.raises(ClientFailed) as raised:
        queue.call("events", id=job_id)
    error = raised.value.error
    assert (error["kind"], error["status"], error["code"]) == ("LlamaqError", 404, "job_not_found")
    assert job_id in error["message"]


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [({"prompt": 1}, 400, "invalid_request", "prompt"), ({"model": "nope:1b"}, 404, "model_not_found", "model")],
)
def test_a_refusal_names_its_field(queue: Program, change: dict[str, Any], status: int, code: str, field: str) -> None:
    """As a `LlamaqError`, for programs and for people."""
    told = queue.call("failure", job={**JOB, **change})

    assert (told["status"], told["code"], told["field"]) == (status, code, field)
    assert told["message"]


def test_a_gateway_that_is_away_is_an_error_in_the_end(queue: Program) -> None:
    """After the patience of the caller."""
    with pytest.raises(ClientFailed) as raised:
        queue.call("away", patience=0)
    assert raised.value.error["kind"] == "TypeError"


def test_every_other_path_is_there_too(queue: Program) -> None:
    """Typed, by the client of all paths; with the key."""
    assert MODEL in [entry["model"] for entry in queue.call("models")]
    assert queue.call("key") == "Bearer llq_secret"
