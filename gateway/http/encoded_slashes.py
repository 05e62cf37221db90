"""Routes whose path parameters may hold a `/`, which a client writes as `%2F`.

The server decodes the whole path before it is matched. So a name with a `/` would be two segments.
"""

from typing import Any
from urllib.parse import unquote

from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

_SLASH = "\udc2f"
"""Stands for the `/` of a segment while the path is matched: no text that is decoded from UTF-8 has it."""


class EncodedSlashRoute(APIRoute):
    """A route that matches the segments of the path as the client separated them."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether it matches, and what it adds to the scope. Called by Starlette."""
        path = _mark_slashes(scope)
        if path is None:
            return super().matches(scope)
        match, added = super().matches({**scope, "path": path})
        given: dict[str, Any] = added.get("path_params", {})
        added["path_params"] = {name: _restore_slashes(value) for name, value in given.items()}
        return match, added


def _mark_slashes(scope: Scope) -> str | None:
    """Put a mark in place of each `/` within a segment of the path; None where there is none."""
    raw = scope.get("raw_path", b"").decode("latin-1")
    if "%2f" not in raw.lower() or unquote(raw) != scope["path"]:  # the path of a scope may have been replaced
        return None
    return "/".join(unquote(part).replace("/", _SLASH) for part in raw.split("/"))


def _restore_slashes(value: Any) -> Any:
    return value.replace(_SLASH, "/") if isinstance(value, str) else value
