"""The lock files are complete, free of addresses, and agree with pyproject.toml."""

import itertools
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import requirements.lock
import run

ROOT = Path(__file__).resolve().parents[3]
# lock file -> group in pyproject.toml
LAYERS = {"service": "service", "demo": "embedded", "model": "model", "dev": "dev"}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MACHINES = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))


def text(layer: str) -> str:
    return (ROOT / "requirements" / f"{layer}.txt").read_text()


def pins(layer: str) -> list[tuple[str, str]]:
    return re.findall(r"^([\w.-]+)==([\w.+!]+)", text(layer), re.MULTILINE)


def flat(groups: dict[str, list[Any]], name: str) -> list[str]:
    """A group's requirements, and those of the groups that it includes."""
    found: list[str] = []
    for entry in groups[name]:
        found += [entry] if isinstance(entry, str) else flat(groups, entry["include-group"])
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_every_package_is_pinned_and_hashed(layer: str) -> None:
    """What is installed today is what was installed when it was tested, byte for byte."""
    for block in re.split(r"\n(?=[^\s#])", text(layer).rstrip())[1:]:
        assert re.match(r"[\w.-]+==[^\n]+ \\\n(    --hash=sha256:[0-9a-f]{64}( \\\n|$))+", block), block


@pytest.mark.parametrize("layer", LAYERS)
def test_no_address_is_locked(layer: str) -> None:
    """Where packages come from is each user's own choice of pip configuration."""
    assert not re.search(r"://|find-links|index-url|file:|(^|\s)/", text(layer))


def test_no_two_files_disagree() -> None:
    """A package is tested in the version that production installs."""
    for upper, lower in itertools.combinations(LAYERS, 2):
        shared = {name for name, _ in pins(upper)} & {name for name, _ in pins(lower)}
        assert [pin for pin in pins(upper) if pin[0] in shared] == [pin for pin in pins(lower) if pin[0] in shared]


@pytest.mark.parametrize("layer", LAYERS)
def test_the_lock_satisfies_pyproject(layer: str) -> None:
    """A dependency that was added or raised in pyproject.toml is in the lock: `run.py lock` was run."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = flat(project["dependency-groups"], LAYERS[layer])
    wanted += project["project"]["dependencies"] if layer == "service" else []
    below = list(LAYERS)[: list(LAYERS).index(layer) + 1]
    locked = {canonicalize_name(name): version for each in below for name, version in pins(each)}
    for requirement in map(Requirement, wanted):
        version = locked.get(canonicalize_name(requirement.name))
        assert version, f"{requirement} is not locked"
        assert requirement.specifier.contains(version), f"{requirement}, but {version} is locked"


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_gets_the_same_packages(python: str, machine: tuple[str, str]) -> None:
    """Each package once, whatever the Python and the machine; only what an older Python lacks comes on top."""
    asked = {"python_version": python, "python_full_version": f"{python}.3"}
    asked |= {"sys_platform": machine[0], "platform_machine": machine[1], "os_name": "posix"}
    asked |= {"platform_system": machine[0].capitalize()}
    lines = [line for layer in LAYERS for line in re.findall(r"(?m)^[\w.-]+==.*(?= \\$)", text(layer))]
    installed: list[str] = []
    left_out: list[str] = []
    for line in lines:
        name, _, marker = line.partition(" ; ")
        chosen = installed if not marker or Marker(marker).evaluate(asked) else left_out
        chosen.append(name.partition("==")[0])
    assert len(installed) == len(set(installed)) > 100
    assert set(left_out) - set(installed) <= {"async-timeout", "colorama", "httpx2-jsfetch", "tzdata"}


def test_all_name_the_same_pythons() -> None:
    """What run.py takes, what the lock was checked for, what the package says, and what the pages promise."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    stated = [row.rpartition(" ")[2] for row in project["classifiers"] if "Python :: 3." in row]
    assert stated == list(requirements.lock.PYTHONS) == list(PYTHONS)
    assert [".".join(map(str, version)) for version in (run.OLDEST, run.NEWEST)] == [PYTHONS[0], PYTHONS[-1]]
    assert project["requires-python"] == f">={PYTHONS[0]}"
    for page in ("README.md", "CONTRIBUTING.md"):
        assert f"Python {PYTHONS[0]} to {PYTHONS[-1]}" in (ROOT / page).read_text(), page
