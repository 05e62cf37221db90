"""Paths and methods that are not served, over real HTTP: in the words of the API that the path belongs to."""

from typing import Any

import pytest

from tests.conftest import MODEL
from tests.gateway_process import GatewayProcess

PLAIN = "text/plain"
JSON = "application/json"
BASES = ("/api", "/v1/v1", "/api/api", "/v1/api", "/api/v1", "/llm/v1", "/llm/api", "/l/m/v1/api")
"""Base addresses that are wrong for both kinds of clients."""


@pytest.mark.parametrize(
    ("method", "path", "status", "kind", "allow"),
    [
        ("GET", "/api", 404, PLAIN, None),
        ("GET", "/api/nosuch", 404, PLAIN, None),
        ("POST", "/", 405, PLAIN, "HEAD, GET"),
        ("PUT", "/api/chat", 405, PLAIN, "POST"),
        ("TRACE", "/api/tags", 405, PLAIN, "HEAD, GET"),
        ("POST", "/api/chat/", 307, None, None),
        ("GET", "/v1/nosuch", 404, JSON, None),
        ("POST", "/v1/models", 405, JSON, "GET"),
        ("GET", "/nosuch", 404, JSON, None),
        ("PUT", "/healthz", 405, JSON, "GET, HEAD"),
        ("PUT", "/ui", 405, "text/html; charset=utf-8", "GET"),
        ("POST", "/hosts", 405, JSON, "GET"),
        ("PUT", "/jobs", 405, JSON, "GET, POST"),
        ("PUT", "/jobs/x", 405, JSON, "DELETE, GET"),
        ("PUT", "/conversations/x", 405, JSON, "DELETE, GET, PATCH"),
        ("PUT", "/v1/files/x", 405, JSON, "DELETE, GET"),
    ],
)
def test_what_is_not_served(
    gateway: GatewayProcess, method: str, path: str, status: int, kind: str | None, allow: str | None
) -> None:
    """Ollama's router answers in plain text, the others in JSON; each names the methods that there are."""
    answer = gateway.http.request(method, path)

    found = answer.status_code, answer.headers.get("content-type"), answer.headers.get("allow")
    assert found == (status, kind, allow)


@pytest.mark.parametrize(
    ("method", "path", "meant"),
    [
        ("POST", "/jobs/", "did you mean /jobs?"),
        ("GET", "//jobs", "did you mean /jobs?"),
        ("GET", "/Job", "did you mean /jobs?"),
        ("POST", "/chat/completions", "did you mean /v1/chat/completions?"),
        ("POST", "/v1/v1/chat/completions", "did you mean /v1/chat/completions?"),
        ("POST", "/v1/chat/completion", "did you mean /v1/chat/completions?"),
        ("GET", "/v1/jobs/x", "did you mean /jobs/x?"),
        ("GET", "/v1/models/", "did you mean /v1/models?"),
        ("GET", "/v1/images/generations", "/docs lists the paths of the jobs API"),
        ("PUT", "/jobs", "PUT is not served at /jobs; served there: "),
    ],
)
def test_the_answer_says_what_was_meant(gateway: GatewayProcess, method: str, path: str, meant: str) -> None:
    """A last `/`, a base address with or without `/v1`, a singular: what newcomers try first."""
    error = gateway.http.request(method, gateway.url + path).json()["error"]

    assert meant in error["message"]


@pytest.mark.parametrize(
    ("path", "members"),
    [
        ("/chat/completions", {"message", "type", "param", "code"}),
        ("/api/chat/completions", {"message", "type", "param", "code"}),
        ("/api/v1/models", {"message", "type", "param", "code"}),
        ("/tags", None),
        ("/v1/api/chat", None),
        ("/api/jobs", {"code", "message"}),
        ("/v1/jobs/x", {"code", "message"}),
    ],
)
def test_the_answer_has_the_form_of_the_path_that_was_meant(
    gateway: GatewayProcess, path: str, members: set[str] | None
) -> None:
    """So a client with a wrong base address reads it: under Ollama's API an error is a text."""
    answer = gateway.http.get(path)

    error = answer.json()["error"]
    assert (answer.status_code, answer.headers["content-type"]) == (404, JSON)
    assert isinstance(error, str) if members is None else error.keys() == members


@pytest.mark.parametrize(
    ("base", "served"),
    [
        *((base, served) for base in ("/v1", *BASES, "/llm") for served in ("/api/chat", "/api/embeddings")),
        *((base, served) for base in ("", *BASES) for served in ("/v1/chat/completions", "/v1/responses")),
    ],
)
def test_a_client_with_a_wrong_base_address_reads_the_right_path(
    gateway: GatewayProcess, base: str, served: str
) -> None:
    """Ollama's clients add `/api` to a base address, OpenAI's add no `/v1`; each reads errors of its own form alone."""
    answer = gateway.http.post(base + served.removeprefix("/v1"), json={})

    error: Any = answer.text if answer.headers["content-type"] == PLAIN else answer.json()["error"]
    assert answer.status_code == 404
    if served.startswith("/api/"):
        assert error.endswith(f": did you mean {served}?")
    else:
        assert error.keys() == {"message", "type", "param", "code"}
        assert error["message"].endswith(f": did you mean {served}?")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/api/api/chat", "404 page not found: did you mean /api/chat?"),
        ("/api/Chat", "404 page not found: did you mean /api/chat?"),
        ("/api/nosuch", "404 page not found"),
    ],
)
def test_ollamas_404_goes_on_with_the_path_that_was_meant(gateway: GatewayProcess, path: str, text: str) -> None:
    """Its clients show the whole text."""
    assert gateway.http.post(path, json={}).text == text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("//api/chat", {"messages": [{"role": "user", "content": "hi"}], "stream": False}),
        ("/v1//chat/completions", {"messages": [{"role": "user", "content": "hi"}]}),
    ],
)
def test_a_base_address_that_ends_with_a_slash(gateway: GatewayProcess, path: str, body: dict[str, object]) -> None:
    """A client that joins it and a path asks for `//`: the server of Ollama sends it on, with its body."""
    answer = gateway.http.post(gateway.url + path, json={"model": MODEL, **body}, follow_redirects=True)

    assert (answer.status_code, [each.status_code for each in answer.history]) == (200, [307])


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/openapi.json"])
def test_what_needs_no_key_has_head(gateway: GatewayProcess, path: str) -> None:
    """Some probes ask for no body."""
    answer = gateway.http.head(path)

    assert (answer.status_code, answer.content) == (200, b"")


def test_the_page_of_the_jobs_api_says_what_to_read_without_its_script(gateway: GatewayProcess) -> None:
    """A machine that is offline would show an empty page."""
    text = gateway.http.get("/docs").text

    assert '<a href="openapi.json">' in text[text.index('<div id="swagger-ui">') :].partition("</div>")[0]
