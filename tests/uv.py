"""Virtual environments made by uv, which needs a second where pip needs a minute."""

import os
import shutil
import sys
from pathlib import Path

from tests.commands import run

UV = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") or "uv"


def settings() -> dict[str, str]:
    """Pip's configuration, which uv does not read, as variables of uv's own."""
    given = {"UV_DEFAULT_INDEX": "PIP_INDEX_URL", "SSL_CERT_FILE": "PIP_CERT", "UV_FIND_LINKS": "PIP_FIND_LINKS"}
    return {theirs: os.environ[pips] for theirs, pips in given.items() if os.environ.get(pips)}


def environment(folder: Path, *requirements: str) -> Path:
    """The interpreter of a new virtual environment in a folder, with these requirements; further words are options."""
    python = folder / "venv" / "bin" / "python"
    for command in (
        ["venv", "--quiet", "--clear", "--python", sys.executable, str(folder / "venv")],
        ["pip", "install", "--quiet", "--python", str(python), *requirements],
    ):
        done = run([UV, *command], cwd=folder, env={**os.environ, **settings()}, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
    return python
