"""What is logged and counted of a request."""

import asyncio
import logging
from collections.abc import MutableMapping
from typing import Any

import pytest
from fastapi import FastAPI
from prometheus_client.registry import REGISTRY
from starlette.testclient import TestClient

from gateway.app import create_app
from gateway.server.telemetry import RequestTelemetry
from gateway.settings import GatewayVariables

SECRET = "a planted prompt"


@pytest.fixture
def broken() -> FastAPI:
    """The application with a route that nobody foresaw."""
    app = create_app(GatewayVariables(), None)

    @app.get("/broken/{name}")
    async def broken(name: str) -> None:
        raise KeyError(SECRET)

    return app


def test_a_fault_is_a_500_and_in_the_log_without_its_text(broken: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    """The line where it was raised is there; its text, which may quote a request, is not. The process goes on."""
    caplog.set_level(logging.INFO)
    before = REGISTRY.get_sample_value("llamaq_gateway_faults_total") or 0
    with TestClient(RequestTelemetry(broken)) as client:
        answer = client.get("/broken/secret-name")
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
        assert client.get("/healthz").status_code == 200

    assert "KeyError" in caplog.text
    assert "test_telemetry.py" in caplog.text
    assert SECRET not in caplog.text + answer.text
    assert "secret-name" not in "".join(record.getMessage() for record in caplog.records if record.name == "gateway")
    assert REGISTRY.get_sample_value("llamaq_gateway_faults_total") == before + 1


def test_a_stream_that_breaks_ends_its_own_connection_alone(caplog: pytest.LogCaptureFixture) -> None:
    """What was sent cannot be taken back: the answer stays without its end, which tells the client."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        raise ValueError(SECRET)

    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError

    asyncio.run(RequestTelemetry(app)({"type": "http", "method": "GET"}, receive, send))

    assert [message.get("more_body") for message in sent] == [None, True]
    assert SECRET not in caplog.text
