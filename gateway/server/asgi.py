"""What uvicorn serves in each process: the application, with its guard and its telemetry."""

import multiprocessing
import os
import signal
import threading
from multiprocessing.process import BaseProcess

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from gateway import app
from gateway.access.keys_file import KeysFile
from gateway.http.guard import Guard
from gateway.queue_access import JOB_HEADER
from gateway.server import logs
from gateway.server.fast_path import FastPath
from gateway.server.telemetry import RequestTelemetry
from gateway.settings import GatewayVariables
from llamaq.settings.environment import read_as

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1", "*.localhost", "*.local", "*.internal")
"""Without keys: a web page whose name was made to lead to this machine has another name (DNS rebinding)."""
LOCAL_ORIGINS = tuple(
    f"{scheme}://{host}{port}"
    for scheme in ("http", "https")
    for host in ("localhost", "127.0.0.1", "[[]::1]")
    for port in ("", ":*")
)
"""Without keys: pages of other origins could send requests, though not read the answers."""


def create_app() -> ASGIApp:
    """Make the application of this process, with the settings of the environment."""
    settings = read_as(GatewayVariables)
    logs.configure(settings.log_format)
    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=_stop_with_parent, args=(parent,), daemon=True).start()
    keys = KeysFile.of(settings.gateway_keys_file)
    application = app.create_app(settings, keys)
    guarded: ASGIApp = Guard(
        FastPath(application, app.handle_error, app.EXPECTED),
        hosts=settings.host_names or (LOCAL_NAMES if keys is None else ()),
        origins=None if keys else (*LOCAL_ORIGINS, *settings.origins),
        most_bytes=settings.gateway_max_body_bytes,
        pause_seconds=settings.gateway_head_seconds,
    )
    if settings.origins:  # around the guard, so that a page may read its refusals too
        guarded = CORSMiddleware(
            guarded,
            allow_origins=settings.origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=[JOB_HEADER, "Location", "Retry-After"],
        )
    return RequestTelemetry(guarded)


def _stop_with_parent(parent: BaseProcess) -> None:
    """One of several processes ends in order when the one that started it was killed: nobody else would end it."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
