"""Renders the templates. Every value is escaped, and the browser runs nothing that is not a file of ours."""

import math
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from llamaq import __version__
from llamaq.store.clock import SYSTEM

NONE = "\N{EN DASH}"
"""Where there is no value."""
_FOLDER = Path(__file__).parent
STATIC = _FOLDER / "static"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
VIEWS = (
    ("fleet", "/ui", "Fleet"),
    ("queue", "/ui/queue", "Queue"),
    ("running", "/ui/running", "Running"),
    ("jobs", "/ui/jobs", "Jobs"),
    ("dead", "/ui/dead", "Dead letters"),
    ("charts", "/ui/charts", "Charts"),
)


def render_page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """Render a whole page."""
    session = getattr(request.state, "session", None)
    body = render_template(template, session=session, views=VIEWS, version=__version__, **values)
    return HTMLResponse(body, status, HEADERS)


def render_template(template: str, **values: Any) -> str:
    """Render a template as text."""
    return _ENVIRONMENT.get_template(template).render(now=SYSTEM.time(), **values)


def age(at: datetime | None, now: float) -> str:
    """How long ago a time was; of a later one how long until then."""
    return NONE if at is None else duration(float(int(abs(now - at.timestamp()))), whole=True)


def duration(seconds: float | None, *, whole: bool = False) -> str:
    """A time in the two units that matter: `850 ms`, `12 s`, `3 m 20 s`, `2 h 5 m`, `4 d 1 h`."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    if not whole and seconds < 10:
        return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
    left = int(seconds)
    for unit, length, lower, part in (("d", 86_400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if left >= length:
            rest = left % length // part
            return f"{left // length} {unit} {rest} {lower}" if rest else f"{left // length} {unit}"
    return f"{left} s"


def size(number: float | None) -> str:
    """Bytes, as Ollama writes them."""
    if number is None:
        return NONE
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def when(at: datetime | None) -> str:
    """A time in UTC, to the second."""
    return NONE if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def count(number: int) -> str:
    """A number with its thousands apart."""
    return f"{number:,}".replace(",", " ")


def _build_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"age": age, "duration": duration, "size": size, "when": when, "count": count}
    environment.filters["part"] = lambda text: quote(str(text), safe="")
    return environment


_ENVIRONMENT = _build_environment()
