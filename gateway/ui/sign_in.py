"""Signing in with a key, signing out, and the files that the pages load."""

from fastapi import APIRouter, Request
from fastapi.staticfiles import StaticFiles
from starlette.responses import RedirectResponse, Response

from gateway.ui.rendering import STATIC, render_page
from gateway.ui.session import Action, begin_session, check_same_origin, delete_cookie, end_session, set_cookie

router = APIRouter()
_FILES = StaticFiles(directory=STATIC)
_CACHE = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}


@router.get("/ui/static/{path:path}")
async def static(request: Request, path: str) -> Response:
    """A script, a style sheet or a licence."""
    response = await _FILES.get_response(path, request.scope)
    response.headers.update(_CACHE)
    return response


@router.get("/ui/sign-in")
async def form(request: Request) -> Response:
    """The form for the key."""
    return render_page(request, "sign_in.html", wrong=False)


@router.post("/ui/sign-in")
async def sign_in(request: Request) -> Response:
    """Begin a session; a key that is not `admin` gets 404."""
    check_same_origin(request)
    given = await request.form(max_files=0, max_fields=10)
    found = await begin_session(request, str(given.get("key", "")).strip())
    if found is None:
        return render_page(request, "sign_in.html", status=401, wrong=True)
    token, request.state.caller = found
    response = RedirectResponse("/ui", 303)
    set_cookie(response, token, request)
    return response


@router.post("/ui/sign-out")
async def sign_out(request: Request, _: Action) -> Response:
    """End the session."""
    await end_session(request)
    response = RedirectResponse("/ui/sign-in", 303)
    delete_cookie(response)
    return response
