"""The page of the jobs API. Its script, Swagger UI, comes from a public CDN; without it the page says so."""

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

PATH = "/docs"
_PLACE = '<div id="swagger-ui">'
_WITHOUT = (
    "This page is made by a script from cdn.jsdelivr.net. Where your browser cannot load it, read "
    '<a href="openapi.json">openapi.json</a>.'
)
_PAGE = bytes(get_swagger_ui_html(openapi_url="openapi.json", title="llamaq").body).decode()
_SHOWN = _PAGE.replace(_PLACE, f"{_PLACE}<p>{_WITHOUT}</p>")


async def show_page(request: Request) -> Response:  # noqa: ARG001 - Starlette gives it
    """Show the page. The script replaces what it says."""
    return HTMLResponse(_SHOWN)
