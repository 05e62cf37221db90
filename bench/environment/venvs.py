"""Packages that are measured beside llamaq, each in a venv of its own."""

import subprocess
import sys
from pathlib import Path

VENVS = Path.home() / ".cache" / "llamaq" / "bench"
INSTALL_SECONDS = 1200.0
PACKAGES = {
    "rq": ("rq",),
    "arq": ("arq",),
    "taskiq": ("taskiq-redis", "aiohttp"),
    "dramatiq": ("dramatiq[redis]", "requests"),
}
"""Of the other task queues, what pip installs."""


class NotInstalled(Exception):
    """pip did not install it; the text is pip's reason."""


def install(*packages: str) -> Path:
    """Install packages in a venv, where that is not there yet; returns its Python.

    Raises:
        NotInstalled: pip refused.
    """
    folder = VENVS / "".join(letter if letter.isalnum() else "-" for letter in "-".join(packages))
    python, whole = folder / "bin" / "python", folder / "installed"
    if not whole.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
            raise NotInstalled(errors[-1].removeprefix("ERROR: ") if errors else f"exit code {done.returncode}")
        whole.touch()
    return python
