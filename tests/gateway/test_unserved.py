"""Paths and methods that are not served, over real HTTP: in the words of the API that the path belongs to."""

import pytest

from tests.gateway_process import GatewayProcess

PLAIN = "text/plain"
JSON = "application/json"


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
        ("POST", "/hosts", 405, JSON, "GET"),
    ],
)
def test_what_is_not_served(
    gateway: GatewayProcess, method: str, path: str, status: int, kind: str | None, allow: str | None
) -> None:
    """Ollama's router answers in plain text, the others in JSON; each names the methods that there are."""
    answer = gateway.http.request(method, path)

    found = answer.status_code, answer.headers.get("content-type"), answer.headers.get("allow")
    assert found == (status, kind, allow)
