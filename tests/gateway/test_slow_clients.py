"""Clients that do not keep up with their stream."""

import json
from contextlib import closing
from http.client import HTTPConnection
from random import Random
from urllib.parse import urlsplit

import pytest

from tests.conftest import MODEL
from tests.gateway_process import GatewayProcess
from tests.service import Service

TOKENS = [Random(number).randbytes(10_000).hex() for number in range(600)]
"""More than sockets hold, and than waits for one reader before it reads the log again. Nothing is repeated."""


def _join_text(path: str, body: bytes) -> str:
    """The text of an answer."""
    if path == "/api/generate":
        return "".join(json.loads(line)["response"] for line in body.splitlines())
    frames = [line.removeprefix(b"data: ") for line in body.splitlines() if line.startswith(b"data: ")]
    assert frames.pop() == b"[DONE]"
    return "".join(json.loads(frame)["choices"][0]["text"] for frame in frames)


@pytest.mark.parametrize("path", ["/api/generate", "/v1/completions"])
def test_a_client_that_reads_late_gets_the_whole_answer_in_order(
    gateway: GatewayProcess, service: Service, path: str
) -> None:
    """It reads nothing until the job has ended, and holds up nobody: another has its answer meanwhile."""
    service.ollama.script(tokens=TOKENS, rate=600)
    asked = {"model": MODEL, "prompt": "x", "stream": True}
    with closing(HTTPConnection(urlsplit(gateway.url).netloc, timeout=60)) as slow:
        slow.request("POST", path, json.dumps(asked))
        service.wait_requests(1)
        service.queue.job(service.queue.jobs(1)[0].id).result(60)

        service.ollama.script(tokens=["beside"])
        assert _join_text(path, gateway.http.post(path, json=asked).content) == "beside"

        assert _join_text(path, slow.getresponse().read()) == "".join(TOKENS)
