"""Writes the lock files beside it from pyproject.toml: `python3 run.py lock [--upgrade]`.

Each file holds what it adds to the ones before it, so that no hash stands in two places and `run.py` can lay one on top
of the other. All come from one resolution: a package has the same version wherever it is used. It serves every Python
and machine below, and is not written where one of them would lack a wheel.
"""

import itertools
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

USAGE = "usage: python3 run.py lock [--upgrade]   writes requirements/; the options go to `uv pip compile`"

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MACHINES = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin")  # as uv calls them

# file -> (group in pyproject.toml, headline of the file), each on top of the ones before.
LAYERS = {
    "service.txt": ("service", "What a production image installs: the SDK and the service."),
    "demo.txt": ("embedded", "On top of service.txt, for the demo and the topology: a Redis in Python, YAML."),
    "model.txt": ("model", "On top of demo.txt: the runtime of the demo's own language model."),
    "dev.txt": ("dev", "On top of all others: what the tests and linters need."),
}


def main(options: list[str]) -> None:
    """Resolves everything once, then each layer within that, and writes what each layer adds."""
    groups = [group for group, _ in LAYERS.values()]
    layers: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        everything = Path(scratch, "everything.txt")
        # uv keeps the versions it finds in its output file, unless the options say --upgrade.
        everything.write_text("".join((HERE / name).read_text() for name in LAYERS if (HERE / name).exists()))
        compile_groups(groups, everything, *options)
        below: set[str] = set()
        for depth, name in enumerate(LAYERS, start=1):
            layer = Path(scratch, name)
            compile_groups(groups[:depth], layer, "--constraints", str(everything))
            pins = re.split(r"\n(?=\S)", layer.read_text().rstrip())
            layers[name] = [pin for pin in pins if pin not in below]
            below.update(pins)
        for python, machine in itertools.product(PYTHONS, MACHINES):
            check_wheels(everything, python, machine)
    for name, pins in layers.items():
        write(name, pins)


def compile_groups(groups: list[str], output: Path, *options: str) -> None:
    """Resolves the SDK's dependencies and these groups for every supported Python and machine, wheels only."""
    command = [uv(), "pip", "compile", "pyproject.toml", *(word for group in groups for word in ("--group", group))]
    command += ["--universal", "--python-version", PYTHONS[0], "--only-binary", ":all:", "--generate-hashes"]
    # Whoever regenerates the files may have an index of their own: no address of it may get in.
    command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    command += ["--quiet", "--output-file", str(output), *options]
    subprocess.run(command, cwd=HERE.parent, check=True)  # noqa: S603 - the options are those of whoever runs it


def check_wheels(lock: Path, python: str, machine: str) -> None:
    """See that each package has a wheel there: uv's resolution for all of them at once does not."""
    with tempfile.TemporaryDirectory() as target:
        command = [uv(), "pip", "install", "--dry-run", "--quiet", "--target", target, "--requirements", str(lock)]
        command += ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
        command += ["--python-version", python, "--python-platform", machine]
        subprocess.run(command, check=True)  # noqa: S603 - our own lock file


def uv() -> str:
    """The path of uv, which is fetched if the machine has none; nothing but this script needs it."""
    if not shutil.which("uv"):
        subprocess.run([sys.executable, "-m", "pip", "install", "uv"], check=True)
    found = shutil.which("uv")
    if not found:
        raise FileNotFoundError("uv was installed, but is not on PATH")
    return found


def write(name: str, pins: list[str]) -> None:
    """Writes one lock file, unless an address slipped in."""
    text = "\n".join(pins)
    if "://" in text:
        raise ValueError(f"{name} would hold an address")
    (HERE / name).write_text(f"# {LAYERS[name][1]} Written by `python3 run.py lock`.\n{text}\n")
    sys.stdout.write(f"requirements/{name}: {len(pins)} packages\n")


if __name__ == "__main__":
    if {"-h", "--help"} & set(sys.argv[1:]):
        sys.stdout.write(f"{USAGE}\n")
        sys.exit()
    try:
        main(sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(f"requirements/lock.py: {error.cmd[0]} failed, see above; nothing was written")
