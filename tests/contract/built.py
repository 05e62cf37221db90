"""The wheel as a user installs it: built from this checkout, beside an interpreter that has nothing else of ours."""

import shutil
import sys
import sysconfig
import venv
from pathlib import Path

from tests.commands import run

CHECKOUT = Path(__file__).parents[2]
SOURCES = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "CHANGELOG.md")


def copy_sources(source: Path) -> None:
    """What a package is made of, in a new folder: a build leaves nothing in the checkout."""
    shutil.copytree(CHECKOUT / "llamaq", source / "llamaq", ignore=shutil.ignore_patterns("__pycache__"))
    for beside in ("tasks", "worker", "api_client", "tests"):  # they must be there, for the packages to leave them out
        (source / beside).mkdir()
        (source / beside / "__init__.py").touch()
    for name in SOURCES:
        shutil.copy(CHECKOUT / name, source / name)


def build(folder: Path) -> Path:
    """The wheel, built without a network."""
    source = folder / "source"
    copy_sources(source)
    _run(
        sys.executable,
        *(
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
            "--disable-pip-version-check",
        ),
        *("--wheel-dir", str(folder / "dist"), str(source)),
    )
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """An interpreter that has the wheel and this one's third-party packages, but not this checkout."""
    target = folder / "installed"
    _run(
        sys.executable,
        *("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"),
        *("--no-compile", "--target", str(target), str(wheel)),
    )
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (site / "user.pth").write_text(f"{target}\n{sysconfig.get_path('purelib')}\n")
    return python


def _run(*command: str) -> None:
    done = run(command, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
