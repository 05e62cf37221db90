"""What must not be in the repository: addresses of registries, and paths of somebody's machine."""

import re
from pathlib import Path

import pytest

from tests.commands import run
from tests.contract.built import CHECKOUT

pytestmark = pytest.mark.needs("git")

# Written in parts, so that this file is not a hit itself.
REGISTRIES = re.compile(
    "|".join(
        [
            "pypi" + r"\.org",
            "python" + r"hosted\.org",
            r"--(extra-)?index" + "-url",
            "npm" + r"js\.",
            "crates" + r"\.io",
        ]
    )
    + "|"
    + "|".join(["ghcr" + r"\.io", "quay" + r"\.io", "docker" + r"\.io", "gcr" + r"\.io", r"/simple" + r"/?(\s|$)"])
)
PATHS = re.compile(r"(?<![\w.])/(" + "|".join(["wo" + "rk", "ro" + "ot", "tm" + "p"]) + r")/")


def _tracked() -> list[Path]:
    """Every text file of the repository, also one that is not yet committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = run(command, cwd=CHECKOUT, check=True).stdout
    paths = [CHECKOUT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:1024]]


def _hits(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(CHECKOUT)}:{number}: {line.strip()[:100]}"
        for path in _tracked()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_registry() -> None:
    """Pip uses whatever index its user has set: a mirror, a proxy, a directory."""
    assert _hits(REGISTRIES) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    """What works in one checkout works in any."""
    assert _hits(PATHS) == []
