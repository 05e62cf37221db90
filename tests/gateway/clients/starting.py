"""Starts the program of a client, with the packages that it is written for."""

from tests.gateway.clients.installed import install_node_modules, install_python
from tests.gateway.clients.program import PROGRAMS, Program


def start_program(url: str, name: str, *packages: str) -> Program:
    """Start the program `name` of the folder `programs`, for a gateway's address."""
    if name.endswith(".mjs"):
        return Program(["node", PROGRAMS / name], url, install_node_modules(*packages))
    return Program([install_python(*packages), PROGRAMS / name], url)
