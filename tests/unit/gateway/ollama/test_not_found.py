"""Paths and methods that are not served, as Ollama's router answers them."""

import pytest
from starlette.requests import Request

from gateway.ollama.not_found import handle_not_found, redirect_doubled_slash


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
        ("POST", "/api/tags/", 404, None),
        ("GET", "/api/generate/", 404, None),
        ("POST", "/api/blobs/", 404, None),
    ],
)
def test_a_wrong_path_or_method(method: str, path: str, status: int, allow: str | None) -> None:
    """Plain text without a charset, and the methods that there are."""
    answer = handle_not_found(request(method, path))

    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)
    assert answer.headers["content-type"] == "text/plain"
    assert answer.body == (b"405 method not allowed" if status == 405 else b"404 page not found")


def test_a_slash_too_much_is_a_redirect() -> None:
    """Permanent for GET, with a page; else one that keeps the method; with the query."""
    moved = handle_not_found(request("GET", "/api/tags/", "a=1&b=<"))
    kept = handle_not_found(request("POST", "/api/generate/"))
    head = handle_not_found(request("HEAD", "/api/tags/"))

    assert (moved.status_code, moved.headers["location"]) == (301, "/api/tags?a=1&b=<")
    assert moved.body == b'<a href="/api/tags?a=1&amp;b=&lt;">Moved Permanently</a>.\n\n'
    assert (kept.status_code, kept.headers["location"], kept.body) == (307, "/api/generate", b"")
    assert "content-type" not in kept.headers
    assert (head.status_code, head.headers["content-type"], head.body) == (307, "text/html; charset=utf-8", b"")


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("//api/tags", "/api/tags"),
        ("/api//tags", "/api/tags"),
        ("/api/tags//", "/api/tags/"),
        ("///", "/"),
        ("/v1//chat///completions", "/v1/chat/completions"),
        ("//api/\r\nSet-Cookie: a", "/api/%0D%0ASet-Cookie:%20a"),
    ],
)
def test_a_doubled_slash_is_a_redirect(path: str, location: str) -> None:
    """One that keeps the method and the body, in whatever method, and stays on this server."""
    shown, kept = redirect_doubled_slash(request("GET", path, "a=1")), redirect_doubled_slash(request("POST", path))

    assert shown is not None
    assert kept is not None
    assert (shown.status_code, shown.headers["location"]) == (307, f"{location}?a=1")
    assert shown.body == f'<a href="{location}?a=1">Temporary Redirect</a>.\n\n'.encode()
    assert (kept.status_code, kept.headers["location"], kept.body) == (307, location, b"")


@pytest.mark.parametrize("path", ["/api/tags", "/api/tags/", "//jobs", "//ui", "//example.org/api", "/v1/models"])
def test_other_paths_are_no_redirect(path: str) -> None:
    """The jobs API names the path that was meant."""
    assert redirect_doubled_slash(request("GET", path)) is None
