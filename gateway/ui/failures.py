"""What an operator reads where a page cannot be shown."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.http.errors import failure_of
from gateway.ui.rendering import render_page
from gateway.ui.session import COOKIE, SignInNeeded, delete_cookie

PATH = "/ui"
_AWAY = 503


def is_page(path: str) -> bool:
    """Whether a path belongs to the operator's page."""
    return path == PATH or path.startswith(f"{PATH}/")


def render_failure(request: Request, error: BaseException) -> Response:
    """Render the page that says an error; without a session redirect to the form for the key."""
    if isinstance(error, SignInNeeded):
        response: Response = RedirectResponse(f"{PATH}/sign-in", 303)
        if request.cookies.get(COOKIE):
            delete_cookie(response)
        return response
    failure = failure_of(error)
    response = render_page(
        request,
        "failure.html",
        status=failure.status,
        failure=failure,
        again=failure.status == _AWAY and request.method == "GET",
    )
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})
    if failure.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(failure.retry_after)))
    return response
