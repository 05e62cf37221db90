"""The lower bounds in pyproject.toml: each is a version that installs together with all others, and that works."""

import os
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue
from tests import uv
from tests.commands import run
from tests.conftest import MODEL
from tests.contract.built import CHECKOUT
from tests.gateway_process import GatewayProcess
from tests.worker_process import WorkerProcess

pytestmark = pytest.mark.xdist_group("wheel")
PROJECT: dict[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
OPTIONS = ("--resolution", "lowest-direct", "--only-binary", ":all:")
# Imports every module, so that a name that an old version lacks is found, whichever job would need it.
IMPORTS = """
import importlib, pkgutil, sys
for root in sys.argv[1:]:
    package = importlib.import_module(root)
    assert ("site-packages" in package.__file__) == (root == "llamaq"), package.__file__
    for module in pkgutil.walk_packages(package.__path__, f"{root}."):
        if not module.name.endswith(("__main__", ".shell")):
            importlib.import_module(module.name)
"""
# Each third-party package of the SDK has a part in one of these.
JOBS = """
import asyncio, io, sys
import llamaq
import pillow_heif
from PIL import Image
from pydantic import BaseModel

class Book(BaseModel):
    title: str

async def embed(url, prefix, model):
    async with llamaq.AsyncJobQueue(url, prefix=prefix) as queue:
        return (await (await queue.embed(model, ["a", "b"])).result(60)).embeddings

url, prefix, model, sees, embeds = sys.argv[1:]
assert "site-packages" in llamaq.__file__, llamaq.__file__
picture = io.BytesIO()
pillow_heif.from_pillow(Image.new("RGB", (32, 32))).save(picture)
with llamaq.JobQueue(url, prefix=prefix) as queue:
    job = queue.generate(model, "Why?")
    assert "".join(job.text(on_restart="raise")) == job.result(60).text == "because"
    assert queue.multimodal(sees, "What?", images=[picture.getvalue()]).result(60).text == "a square"
    assert queue.extract(model, "Which?", schema=Book).result(60).parse(Book).title == "Emma"
assert len(asyncio.run(embed(url, prefix, embeds))) == 2
"""


def requirements() -> list[Requirement]:
    """Those of the SDK with its extras, and of the service."""
    groups, texts, wanted = PROJECT["dependency-groups"], list(PROJECT["project"]["dependencies"]), ["service"]
    for extra in PROJECT["project"]["optional-dependencies"].values():
        texts += extra
    while wanted:
        for entry in groups[wanted.pop()]:
            if isinstance(entry, str):
                texts.append(entry)
            else:
                wanted.append(entry["include-group"])
    return [Requirement(text) for text in texts]


def lowest(requirement: Requirement) -> str:
    """The requirement of its lower bound alone. Newer Pythons get the lowest version that has a wheel for them."""
    if sys.version_info >= (3, 13):
        return str(requirement)
    (bound,) = (each.version for each in requirement.specifier if each.operator == ">=")
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}=={bound}"


@pytest.fixture(scope="module")
def oldest(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the wheel, and of each package the lowest version that pyproject.toml allows."""
    folder = tmp_path_factory.mktemp("oldest")
    pins = sorted({lowest(requirement) for requirement in requirements()})
    return uv.environment(folder, *OPTIONS, str(wheel), *pins)


@pytest.fixture
def alone(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A folder with the service beside an installed SDK, and an environment without this checkout."""
    for name in ("api_client", "ollama_api", "tasks", "worker", "gateway"):
        shutil.copytree(CHECKOUT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path, {name: value for name, value in os.environ.items() if not name.startswith(("LLAMAQ_", "PYTHON"))}


@pytest.mark.needs("package index")
@pytest.mark.timeout(400)
def test_every_module_can_be_imported(oldest: Path, alone: tuple[Path, dict[str, str]]) -> None:
    """Of the wheel and of the service, with the lowest version of each package they need."""
    folder, environment = alone
    command = [str(oldest), "-c", IMPORTS, "llamaq", "api_client", "ollama_api", "tasks", "worker", "gateway"]

    done = run(command, cwd=folder, env=environment)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.needs("package index")
@pytest.mark.timeout(400)
def test_jobs_run(oldest: Path, alone: tuple[Path, dict[str, str]], redis_server: EmbeddedRedis, prefix: str) -> None:
    """Submitted by the wheel, run by the service, each with the lowest versions; every kind of input."""
    folder, environment = alone
    start = f"import sys; sys.path.insert(0, {str(folder)!r}); from worker.__main__ import main; sys.exit(main([]))"
    command = [str(oldest), "-E", "-P", "-c", start]  # neither the checkout nor PYTHONPATH
    with (
        ScriptedOllama.start(slots=1) as ollama,
        JobQueue(redis_server.url, prefix=prefix) as queue,
        WorkerProcess(redis_server.url, ollama.url, command, prefix=prefix) as worker,
    ):
        worker.start().ready(queue)
        ollama.script(tokens=["be", "cause"])
        ollama.script(tokens=["a ", "square"])
        ollama.script(tokens=['{"title": ', '"Emma"}'])
        variables = {**environment, "LLAMAQ_REDIS_URL": redis_server.url, "LLAMAQ_PREFIX": prefix}
        told = run([oldest, "-m", "llamaq", "models"], cwd=folder, env=variables)
        models = [MODEL, "smollm2-vision:135m", "smollm2-embed:135m"]
        done = run([oldest, "-c", JOBS, redis_server.url, prefix, *models], cwd=folder, env=environment)

    assert done.returncode == 0, done.stdout + done.stderr
    assert told.returncode == 0, told.stderr
    assert MODEL in told.stdout


@pytest.mark.needs("package index")
@pytest.mark.timeout(400)
def test_the_gateway_serves(
    oldest: Path, alone: tuple[Path, dict[str, str]], redis_server: EmbeddedRedis, prefix: str
) -> None:
    """Over one process and two; a request of each dialect, a stream's wrong cursor, and the page of its routes."""
    folder, _ = alone
    start = f"import sys; sys.path.insert(0, {str(folder)!r}); from gateway.__main__ import main; sys.exit(main([]))"

    class Oldest(GatewayProcess):
        COMMAND = (str(oldest), "-E", "-P", "-c", start)

    for processes in (1, 2):
        given = {"prefix": prefix, "gateway_processes": processes}
        with Oldest(redis_server.url, **given) as gateway:
            assert gateway.http.get("/readyz").json() == {"status": "ready"}
            assert gateway.http.get("/api/tags").json() == {"models": []}
            assert gateway.http.get("/v1/models").json()["data"] == []
            assert gateway.http.get("/jobs").json()["jobs"] == []
            assert gateway.http.get("/jobs/x/events?after=y").status_code == 400
            assert gateway.http.get("/openapi.json").json()["components"]["schemas"]["Job"]
            assert gateway.stop() == 0
