"""The programs of the clients, each started once against the shared gateway."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.gateway.clients.program import Program
from tests.gateway.clients.starting import start_program
from tests.gateway_process import GatewayProcess
from tests.service import Service

StartProgram = Callable[..., Program]


@pytest.fixture(scope="package")
def programs(shared_front: tuple[Service, GatewayProcess]) -> Iterator[StartProgram]:
    """Gives a program: `programs("openai_python.py", "openai")`, with the packages that it is written for."""
    _, gateway = shared_front
    running: dict[str, Program] = {}
    with ExitStack() as stack:

        def program(name: str, *packages: str) -> Program:
            if name not in running:
                running[name] = stack.enter_context(start_program(gateway.url, name, *packages))
            return running[name]

        yield program
