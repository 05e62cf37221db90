"""Reads docker-compose.yml with its variables filled in, one service at a time."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).resolve().parents[2] / "docker-compose.yml"
# A doubled dollar stands for one dollar in the container's shell.
_VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")
Service = dict[str, Any]


def read_services(given: Mapping[str, str] | None = None, file: Path = FILE) -> dict[str, Service]:
    """Read the services of a file by name, merged and with variables from `given` or their defaults."""
    values = given or {}

    def fill(found: re.Match[str]) -> str:
        return values.get(found["name"]) or found["default"] or ""

    text = _VARIABLE.sub(fill, file.read_text()).replace("$$", "$")
    found: dict[str, Service] = yaml.safe_load(text)["services"]
    return found


def make_environment(service: Service, changes: Mapping[str, str]) -> dict[str, str]:
    """Make the variables of a service, with parts of their values replaced: addresses and paths of containers."""
    given = {name: str(value) for name, value in service.get("environment", {}).items()}
    for old, new in changes.items():
        given = {name: value.replace(old, new) for name, value in given.items()}
    return given
