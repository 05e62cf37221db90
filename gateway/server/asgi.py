"""What uvicorn serves in each process: the application, guarded and observed."""

from pathlib import Path

from starlette.types import ASGIApp

from gateway import app
from gateway.access.keys_file import KeysFile
from gateway.http.guard import Guard
from gateway.server.observed import Observed
from gateway.settings import GatewayVariables
from llamaq.settings.environment import read_as


def make() -> ASGIApp:
    """The application of this process, with the settings of the environment."""
    settings = read_as(GatewayVariables)
    keys = KeysFile(Path(settings.gateway_keys_file)) if settings.gateway_keys_file else None
    guarded = Guard(
        app.make(settings, keys),
        hosts=settings.host_names,
        most_bytes=settings.gateway_max_body_bytes,
        pause_seconds=settings.gateway_head_seconds,
    )
    return Observed(guarded)
