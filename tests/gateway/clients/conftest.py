"""The programs of the clients, each started once against the shared gateway."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.gateway.clients.installed import node_modules, python_with
from tests.gateway.clients.program import PROGRAMS, Program
from tests.gateway_process import GatewayProcess
from tests.service import Service

StartProgram = Callable[..., Program]


@pytest.fixture(scope="session")
def programs(shared_front: tuple[Service, GatewayProcess]) -> Iterator[StartProgram]:
    """Gives a program: `programs("openai_python.py", "openai")`, with the packages that it is written for."""
    _, gateway = shared_front
    running: dict[str, Program] = {}
    with ExitStack() as stack:

        def program(name: str, *packages: str) -> Program:
            if name not in running:
                command: list[str | Path] = ["node", PROGRAMS / name]
                folder: Path | None = None
                if name.endswith(".mjs"):
                    folder = node_modules(*packages)
                else:
                    command = [python_with(*packages), PROGRAMS / name]
                running[name] = stack.enter_context(Program(command, gateway.url, folder))
            return running[name]

        yield program
