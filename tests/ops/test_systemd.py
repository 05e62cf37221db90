"""ops/systemd, checked by systemd's own tools."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from ops.topology.rendering import render
from tests.commands import run
from tests.worker_process import CHECKOUT
from worker.settings.environment import Settings
from worker.settings.ollama_address import BOOT_ID

FOLDER = CHECKOUT / "ops" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
MOST_EXPOSED = 15
"""Of 100, where 100 is without any protection; systemd calls up to 20 "OK"."""


def analyze(*arguments: str) -> str:
    """`systemd-analyze`, content."""
    program = shutil.which("systemd-analyze")
    assert program
    # Without a bus it looks at files alone, which is all that is wanted.
    environment = {**os.environ, "SYSTEMD_LOG_LEVEL": "warning"}
    done = run([program, *arguments], env=environment, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_unit(unit: Path, tmp_path: Path) -> None:
    """Every line is known to it; only the path of the program is changed to one that is there."""
    target = tmp_path / unit.name
    render(unit, target, {"/opt/llamaq/.venv/bin/python": sys.executable})

    assert analyze("verify", "--man=no", str(target)) == ""


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_unit_is_locked_in(unit: Path) -> None:
    """What systemd itself says of its exposure."""
    analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(unit))


def test_the_worker_has_time_to_drain() -> None:
    """Systemd's patience is above the default drain and the ten seconds for giving back what is left."""
    text = (FOLDER / "llamaq-worker@.service").read_text()
    (patience,) = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)

    assert int(patience) > Settings().drain_seconds + 10


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_no_secret_stands_in_the_unit(unit: Path) -> None:
    """They come as credentials, which root alone can read on disk."""
    text = unit.read_text()
    for variable, value in re.findall(r"(LLAMAQ_\w*(?:PASSWORD|TOKEN)\w*)=(\S+)", text):
        assert variable.endswith("_FILE")
        assert value.startswith("%d/")
        assert f"LoadCredential={value[3:]}:" in text


def test_each_instance_may_have_settings_of_its_own() -> None:
    """The tenth has no port by its number: its file comes after that of all, and need not be there."""
    lines = (FOLDER / "llamaq-worker@.service").read_text().splitlines()
    order = ["Environment=LLAMAQ_METRICS_PORT=910%i", "EnvironmentFile=/etc/llamaq/worker.env"]
    order += ["EnvironmentFile=-/etc/llamaq/worker-%i.env"]

    assert [line for line in lines if line in order] == order
    page = (CHECKOUT / "docs" / "operations.md").read_text()
    assert "/etc/llamaq/worker-10.env" in page


def test_the_worker_may_read_what_it_needs_of_the_kernel() -> None:
    """The start of the kernel, for the `process_*` metrics, and its id, which tells machines of one name apart."""
    settings = dict(re.findall(r"^(\w+)=(.*)$", (FOLDER / "llamaq-worker@.service").read_text(), re.MULTILINE))

    assert BOOT_ID.is_relative_to("/proc")
    assert settings.get("ProcSubset", "all") == "all"  # `pid` hides all of /proc but the processes
