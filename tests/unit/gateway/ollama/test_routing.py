"""Paths and methods that are not served, as Ollama's router answers them."""

import pytest
from starlette.requests import Request

from gateway.ollama.routing import unserved


def request(method: str, path: str, query: str = "") -> Request:
    headers = [(b"host", b"x")]
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers}
    return Request(scope | {"server": ("x", 80), "scheme": "http", "root_path": ""})


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/api/generate", 405, "POST"),
        ("OPTIONS", "/api/chat", 405, "POST"),
        ("POST", "/api/tags", 405, "HEAD, GET"),
        ("POST", "/", 405, "HEAD, GET"),
        ("HEAD", "/api/ps", 405, "GET"),
        ("POST", "/api/delete", 405, "DELETE"),
        ("GET", "/api/blobs/sha256:1", 405, "HEAD, POST"),
        ("GET", "/api/nosuch", 404, None),
        ("GET", "/api/Tags", 404, None),
        ("GET", "/api//tags", 404, None),
        ("GET", "/api/tags//", 404, None),
        ("POST", "/api/tags/", 404, None),
        ("GET", "/api/generate/", 404, None),
        ("POST", "/api/blobs/", 404, None),
    ],
)
def test_a_wrong_path_or_method(method: str, path: str, status: int, allow: str | None) -> None:
    """Plain text without a charset, and the methods that there are."""
    answer = unserved(request(method, path))

    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)
    assert answer.headers["content-type"] == "text/plain"
    assert answer.body == (b"405 method not allowed" if status == 405 else b"404 page not found")


def test_a_slash_too_much_is_a_redirect() -> None:
    """Permanent for GET, with a page; else one that keeps the method; with the query."""
    moved = unserved(request("GET", "/api/tags/", "a=1&b=<"))
    kept = unserved(request("POST", "/api/generate/"))
    head = unserved(request("HEAD", "/api/tags/"))

    assert (moved.status_code, moved.headers["location"]) == (301, "/api/tags?a=1&b=<")
    assert moved.body == b'<a href="/api/tags?a=1&amp;b=&lt;">Moved Permanently</a>.\n\n'
    assert (kept.status_code, kept.headers["location"], kept.body) == (307, "/api/generate", b"")
    assert "content-type" not in kept.headers
    assert (head.status_code, head.headers["content-type"], head.body) == (307, "text/html; charset=utf-8", b"")
