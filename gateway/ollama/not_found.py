"""Paths and methods as Ollama's server has them: what is not served is answered in its words.

Its router is gin, behind a `ServeMux` of Go, which redirects a path with a doubled `/` before gin sees it.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

# In the order of the header `Allow`.
METHODS: Mapping[str, Sequence[str]] = {
    "/": ("HEAD", "GET"),
    "/api/version": ("HEAD", "GET"),
    "/api/tags": ("HEAD", "GET"),
    "/api/ps": ("GET",),
    "/api/show": ("POST",),
    "/api/generate": ("POST",),
    "/api/chat": ("POST",),
    "/api/embed": ("POST",),
    "/api/embeddings": ("POST",),
    "/api/pull": ("POST",),
    "/api/push": ("POST",),
    "/api/create": ("POST",),
    "/api/copy": ("POST",),
    "/api/delete": ("DELETE",),
}
BLOBS = "/api/blobs/"
_OF_BLOBS = ("HEAD", "POST")
_DOUBLED = re.compile("//+")
_IN_PATHS = "/:@!$&'()*+,;=~"
"""What stands for itself in a path."""


def is_own_path(path: str) -> bool:
    """Whether a path is one of Ollama's API, served or not."""
    return path in ("/", "/api") or path.startswith("/api/")


def allowed_methods(path: str) -> Sequence[str]:
    """The methods of a path; none where it is not served."""
    digest = path.removeprefix(BLOBS) if path.startswith(BLOBS) else ""
    return _OF_BLOBS if digest and "/" not in digest else METHODS.get(path, ())


def handle_not_found(request: Request, suggested: str | None = None) -> Response:
    """Answer a request with an unknown path, or with a method that the path does not have.

    Behind the router's words it names the path that is `suggested`, as for a client with the base address `/api`.
    """
    path = request.url.path
    shorter = path.rstrip("/") if path.endswith("/") and not path.endswith("//") else ""
    if shorter and request.method in allowed_methods(shorter):
        return _redirect(request, shorter, 301 if request.method == "GET" else 307)
    methods = allowed_methods(path)
    if methods:
        return _plain_text("405 method not allowed", 405, {"Allow": ", ".join(methods)})
    remedy = "" if suggested is None else f": did you mean {suggested}?"
    return _plain_text(f"404 page not found{remedy}", 404)


def redirect_doubled_slash(request: Request) -> Response | None:
    """Redirect a path of Ollama's or OpenAI's API with a doubled `/`; None for any other path.

    A client makes one of a base address that ends with `/`.
    """
    path = request.scope["path"]
    plain = _DOUBLED.sub("/", path)
    if plain == path or not (is_own_path(plain) or plain.startswith("/v1/")):
        return None
    return _redirect(request, plain, 307)


def _redirect(request: Request, to: str, status: int) -> Response:
    to = quote(to, safe=_IN_PATHS)
    location = f"{to}?{request.url.query}" if request.url.query else to
    reason = "Moved Permanently" if status == 301 else "Temporary Redirect"
    headers = {"Location": location}
    if request.method not in ("GET", "HEAD"):
        return Response(status_code=status, headers=headers)
    page = location.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")
    body = f'<a href="{page}">{reason}</a>.\n\n' if request.method == "GET" else ""
    return Response(body, status, headers, "text/html; charset=utf-8")


def _plain_text(text: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    response = PlainTextResponse(text, status, headers)
    response.headers["Content-Type"] = "text/plain"  # Starlette adds a charset, gin does not
    return response
