"""The wheel: the SDK alone, whole, and usable where nothing of the service is installed."""

import importlib.metadata
import os
import re
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import llamaq
from llamaq.store.producer_scripts import PRODUCER_SCRIPTS
from llamaq.store.scripts import files
from tests.commands import run
from tests.contract.built import CHECKOUT

pytestmark = pytest.mark.xdist_group("wheel")
SERVICE = (
    *("celery", "kombu", "requests", "flower", "structlog", "prometheus_client"),
    *("tasks", "worker", "gateway", "api_client", "ollama_api", "fastapi", "uvicorn"),
)
PROGRAM = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {SERVICE!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
import llamaq
assert "installed" in llamaq.__file__, llamaq.__file__
heavy = [name for name in ("PIL", "rich", "click") if name in sys.modules]
assert not heavy, heavy
with llamaq.JobQueue("redis://127.0.0.1:1/0") as queue:
    try:
        queue.generate("m", "x")
    except llamaq.BrokerUnavailable as error:
        print(error)
import asyncio, llamaq.cli
asyncio.run(llamaq.AsyncJobQueue("redis://127.0.0.1:1/0").aclose())
found = [name for name in sys.modules if name.partition(".")[0] in {SERVICE!r}]
assert not found, found
"""


def _names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_it_holds_the_sdk_and_nothing_else(wheel: Path) -> None:
    """`tasks` and `worker` as top-level names would collide with another backend's own."""
    tops = {name.partition("/")[0] for name in _names(wheel)}

    assert {top.partition("-")[0] for top in tops} == {"llamaq"}
    assert len(tops) == 2
    assert not [
        name for name in _names(wheel) if "__pycache__" in name or "test" in name.replace("llamaq/testing/", "")
    ]


def test_it_holds_all_of_the_sdk(wheel: Path) -> None:
    """Every module, every Lua script, and the mark that its types are to be believed."""
    wanted = {
        str(path.relative_to(CHECKOUT))
        for path in (CHECKOUT / "llamaq").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }

    assert {name for name in _names(wheel) if name.startswith("llamaq/")} == wanted
    assert "llamaq/py.typed" in wanted
    assert {str(files()[script.verb].relative_to(CHECKOUT)) for script in PRODUCER_SCRIPTS} <= wanted


def test_its_metadata_asks_for_the_sdks_packages_alone(wheel: Path) -> None:
    """Whoever installs it gets no requests, no Flower, no web server."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())
        (entry_points,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "llamaq = llamaq.cli.app:main" in archive.read(entry_points).decode()

    lines = [line for line in metadata.get_all("Requires-Dist") or () if "extra ==" not in line]
    needed = {re.split(r"[\[<>=; ]", line)[0] for line in lines}
    assert needed == {"click", "jsonschema-rs", "pillow", "pydantic", "redis", "rich", "typing-extensions"}
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Version"] == llamaq.__version__


def test_python_m_and_the_command_tell_the_same_version(outside: Path, tmp_path: Path) -> None:
    """`python -m llamaq` is the command line, also where the script `llamaq` is not on PATH."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LLAMAQ_"))}
    done = run([outside, "-m", "llamaq", "--version"], cwd=tmp_path, env=bare, timeout=120)

    assert (done.returncode, done.stdout) == (0, f"llamaq {llamaq.__version__}\n"), done.stderr


def test_it_brings_few_packages(wheel: Path) -> None:
    """The packages that are installed with the wheel, those of its dependencies too: at most 15."""
    found, pending = set(), ["llamaq"]
    marks = {"extra": ""}
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        needs = {"llamaq": Parser().parsestr(archive.read(name).decode()).get_all("Requires-Dist") or []}
    while pending:
        package = pending.pop()
        for line in needs.get(package) or importlib.metadata.requires(package) or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate(marks):
                if needed.name not in found:
                    pending.append(needed.name)
                found.add(needed.name)

    assert len(found) <= 15, sorted(found)


def test_it_works_where_the_service_is_not_installed(outside: Path, tmp_path: Path) -> None:
    """Both clients and the command line import, and a submit gets as far as Redis."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LLAMAQ_"))}
    done = run([outside, "-c", PROGRAM], cwd=tmp_path, env=bare, timeout=120)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Redis at 127.0.0.1:1/0: no answer")
