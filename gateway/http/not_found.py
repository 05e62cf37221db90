"""What an unknown path or method is answered (404, 405), outside Ollama's API: what was meant, or what is served."""

import re
from collections.abc import Iterator

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Match

_BASE = re.compile(r"(?:/[^/]+)*?(?P<last>/(?:api|v1)(?=/|$))+")
"""What comes before the path of an API, such as `/v1/api` or `/llm/v1`."""
_WHERE = "OpenAI's API is at /v1, Ollama's at /api, the jobs at /jobs; /docs lists the paths of the jobs API"
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
"""In the order of the header `Allow`."""
MOST_CHARS = 200
"""Of a path that an answer repeats, and that is compared with others."""


def explain_error(request: Request, error: HTTPException, suggested: str | None) -> HTTPException:
    """Explain the router's 404 or 405 with a text that has the remedy; `suggested` is what `suggest_path` has found."""
    method, path = request.method, request.url.path
    quoted = path[:MOST_CHARS]
    if error.status_code == 405:
        # The router names the methods of the first of the path's routes alone.
        there_are = ", ".join(one for one in METHODS if _match_routes(request, path, one) is Match.FULL)
        text = f"{method} is not served at {quoted}; served there: {there_are}"
        return HTTPException(405, text, {**(error.headers or {}), "Allow": there_are})
    text = f"there is no path {quoted}: {f'did you mean {suggested}?' if suggested else _WHERE}"
    return HTTPException(error.status_code, text, error.headers)


def suggest_path(request: Request) -> str | None:
    """Find the served path that is most like that of a request which is not served; None where none is."""
    method, path = request.method, request.url.path
    if len(path) > MOST_CHARS:
        return None
    return next((one for one in _similar_paths(path) if _match_routes(request, one, method) is not Match.NONE), None)


def _similar_paths(path: str) -> Iterator[str]:
    """Paths like it: without a doubled or last `/`, in lower case, as singular or plural, with another base address."""
    parts = [part for part in path.split("/") if part]
    plain = "/" + "/".join(parts)
    for given in dict.fromkeys((plain, plain.lower())):
        base = _BASE.match(given)
        bare = given[base.end() :] if base else given
        # The last part of the base is the nearest to the client's own: Ollama's begin each path with `/api`.
        apis = dict.fromkeys(([base["last"]] if base else []) + ["/v1", "/api", ""])
        for like in (given, *(f"{api}{bare}" for api in apis)):
            yield from (one for one in (like, f"{like}s", like.removesuffix("s")) if one not in (path, "/", ""))


def _match_routes(request: Request, path: str, method: str) -> Match:
    """How well the routes match: `PARTIAL` where the path is served by other methods alone."""
    scope = {**request.scope, "path": path, "method": method}
    matches: list[Match] = [route.matches(scope)[0] for route in request.app.routes]
    return max(matches, key=lambda match: match.value)
