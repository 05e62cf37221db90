"""Starts the program of a client, with the packages that it is written for."""

from tests.gateway.clients.installed import node_modules, python_with
from tests.gateway.clients.program import PROGRAMS, Program


def started(url: str, name: str, *packages: str) -> Program:
    """The program `name` of the folder `programs`, for a gateway's address."""
    if name.endswith(".mjs"):
        return Program(["node", PROGRAMS / name], url, node_modules(*packages))
    return Program([python_with(*packages), PROGRAMS / name], url)
