"""instructor, in each of its modes that ask for JSON."""

from typing import Any

import pytest

from tests.conftest import MODEL
from tests.gateway.clients.conftest import StartProgram
from tests.gateway.clients.program import ClientFailed, Program
from tests.service import Service

ANN = {"name": "Ann", "age": 4}
HI: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "Ann is 4"}]}
MODES = ("TOOLS", "TOOLS_STRICT", "JSON", "JSON_SCHEMA", "MD_JSON")
pytestmark = [
    pytest.mark.needs("package index"),
    pytest.mark.xdist_group("clients"),
    pytest.mark.timeout(400),
]


@pytest.fixture
def client(programs: StartProgram, service: Service) -> Program:
    """The program."""
    return programs("instructor_client.py", "instructor")


@pytest.mark.parametrize("mode", MODES)
def test_a_value(client: Program, service: Service, mode: str) -> None:
    """Read out of the answer, or of the arguments of a call that the model had to make."""
    service.ollama.script(tokens=['{"name": "Ann",', ' "age": 4}'])
    assert client.call("one", mode=mode, **HI) == ANN


@pytest.mark.parametrize("mode", ["TOOLS", "JSON_SCHEMA"])
def test_a_wrong_value_is_asked_for_again(client: Program, service: Service, mode: str) -> None:
    """Its own check fails; the second request has the first answer and the error in it."""
    service.ollama.script(tokens=['{"name": "Ann", "age": 400}'])
    service.ollama.script(tokens=['{"name": "Ann", "age": 4}'])
    assert client.call("one", mode=mode, retries=2, **HI) == ANN
    assert "nobody is so old" in str(service.list_requests("/api/chat")[1]["messages"])


@pytest.mark.parametrize("mode", ["TOOLS", "JSON"])
def test_a_value_that_grows(client: Program, service: Service, mode: str) -> None:
    """Of a stream of text, and of one of arguments."""
    service.ollama.script(tokens=['{"name": "Ann",', ' "age": 4}'])
    assert client.call("partial", mode=mode, **HI)[-1] == ANN


def test_a_list(client: Program, service: Service) -> None:
    """Several values of one answer."""
    service.ollama.script(tokens=['{"tasks": [{"name": "Ann", "age": 4}, {"name": "Bo", "age": 5}]}'])
    assert client.call("many", mode="TOOLS", **HI) == [ANN, {"name": "Bo", "age": 5}]


def test_an_error(client: Program, service: Service) -> None:
    """The gateway's words are in it."""
    with pytest.raises(ClientFailed) as raised:
        client.call("one", mode="JSON", **{**HI, "model": "nope:1b"})
    assert "nope:1b" in raised.value.error["text"]
