"""Pulls by Ollama's API: progress of a layer in its lines, and what may be pulled."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.script import Script
from tests.gateway_process import GatewayProcess
from tests.service import Service, fresh_name, start_service

LINES: list[dict[str, Any]] = [
    {"status": "pulling manifest"},
    {"status": "pulling 1a", "digest": "sha256:1a", "total": 300},
    {"status": "verifying sha256 digest"},
    {"status": "success"},
]


@pytest.fixture(scope="module")
def shared(redis_server: EmbeddedRedis) -> Iterator[tuple[Service, GatewayProcess]]:
    """A worker that may pull some models."""
    with (
        start_service(redis_server.url, slots=1, pull_allowed="acme/*") as service,
        GatewayProcess(redis_server.url, prefix=service.prefix, max_attempts=2) as gateway,
    ):
        yield service, gateway


@pytest.fixture
def front(shared: tuple[Service, GatewayProcess]) -> Iterator[tuple[Service, GatewayProcess]]:
    """The same, idle, and left idle."""
    service, gateway = shared
    with service.apart():
        yield service, gateway


def script_pull(service: Service, *lines: dict[str, Any], status: int = 200) -> str:
    """Script one pull; the name of its model."""
    body = "".join(json.dumps(line) + "\n" for line in lines)
    headers = {"Content-Type": "application/x-ndjson"}
    service.ollama.script(Script(path="/api/pull", status=status, body=body, headers=headers))
    return f"acme/{fresh_name()}:1"


def test_the_progress_comes_in_ollamas_lines(front: tuple[Service, GatewayProcess]) -> None:
    """With the layer, its size and what has come of it; each change of the status has a line."""
    service, gateway = front
    model = script_pull(service, *LINES)

    answer = gateway.http.post("/api/pull", json={"name": model})

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    assert [json.loads(line) for line in answer.text.splitlines()] == LINES
    assert service.queue.job(answer.headers["X-Llamaq-Job"]).status().kind == "pull"


def test_a_pull_without_a_stream_tells_its_end(front: tuple[Service, GatewayProcess]) -> None:
    """The last line alone."""
    service, gateway = front
    model = script_pull(service, *LINES)

    answer = gateway.http.post("/api/pull", json={"model": model, "stream": False})

    assert (answer.status_code, answer.json()) == (200, {"status": "success"})
    assert "X-Llamaq-Job" in answer.headers


@pytest.mark.parametrize("streamed", [True, False])
def test_a_failed_pull_ends_with_the_hosts_error(front: tuple[Service, GatewayProcess], *, streamed: bool) -> None:
    """As a line, or with a status."""
    service, gateway = front
    error = {"error": "pull model manifest: file does not exist"}
    model = script_pull(service, LINES[0], error)

    answer = gateway.http.post("/api/pull", json={"model": model, "stream": streamed})

    assert [json.loads(line) for line in answer.text.splitlines()] == ([LINES[0], error] if streamed else [error])
    assert answer.status_code == (200 if streamed else 500)


def test_another_attempt_does_not_repeat_lines(front: tuple[Service, GatewayProcess]) -> None:
    """A registry that does not answer is asked again; the client sees that once."""
    service, gateway = front
    error = {"error": 'pull model manifest: Get "https://registry.ollama.ai/v2/": dial tcp: no such host'}
    script_pull(service, LINES[0], error)
    model = script_pull(service, LINES[0], error)

    answer = gateway.http.post("/api/pull", json={"model": model})

    assert [json.loads(line) for line in answer.text.splitlines()] == [LINES[0], error]
    assert len(service.list_requests("/api/pull")) >= 2


@pytest.mark.parametrize("streamed", [True, False])
def test_a_model_that_is_not_listed_is_forbidden(front: tuple[Service, GatewayProcess], *, streamed: bool) -> None:
    """With the setting that lists them, before anything is sent."""
    _, gateway = front

    answer = gateway.http.post("/api/pull", json={"model": "other", "stream": streamed})

    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/json; charset=utf-8")
    assert "LLAMAQ_PULL_ALLOWED" in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({}, 400, "invalid model name"),
        ({"model": "a b"}, 400, "invalid model name"),
        ({"model": 1}, 400, "json: cannot unmarshal number into Go struct field PullRequest.model of type string"),
        ({"model": "acme/a", "insecure": True}, 403, "insecure: the hosts pull from registries that they trust alone"),
    ],
)
def test_what_is_no_pull(front: tuple[Service, GatewayProcess], body: dict[str, Any], status: int, error: str) -> None:
    """It is refused at once."""
    _, gateway = front

    answer = gateway.http.post("/api/pull", json=body)

    assert (answer.status_code, answer.json()) == (status, {"error": error})
