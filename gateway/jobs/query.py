"""Query parameters that a route does not have are refused: without the one that was meant it would do something else.

A list would not be narrowed; `DELETE /conversations/{name}` would delete all of it, and not the turns behind `after`.
"""

from difflib import get_close_matches
from typing import Any

from fastapi import Depends, Request

from gateway.access.caller import CurrentCaller
from llamaq.vocabulary.errors import InvalidRequest, Problem


async def _refuse_unknown(request: Request, _: CurrentCaller) -> None:
    """Refuse what the route does not read; a caller without a key is refused before, and is told nothing."""
    if not request.scope["query_string"]:
        return
    route: Any = request.scope["route"]
    known = sorted(field.alias for field in route.dependant.query_params)
    wrong = [Problem(name, _suggest(name, known)) for name in request.query_params if name not in known]
    if wrong:
        raise InvalidRequest(wrong)


def _suggest(name: str, known: list[str]) -> str:
    near = get_close_matches(name.lower(), known, 1)
    if near:
        return f"there is no such query parameter: did you mean {near[0]}?"
    return f"there is no such query parameter: there {'is' if len(known) == 1 else 'are'} {', '.join(known) or 'none'}"


ONLY_KNOWN = Depends(_refuse_unknown)
"""A dependency of the routes of the jobs API."""
