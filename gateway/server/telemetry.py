"""Logs and counts each request, without its content. A fault of the gateway ends its request alone."""

import asyncio
import logging
import traceback

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.asgi_extensions import offer_send
from gateway.http.guard import PROBES
from gateway.server.metrics import FAULTS, OPEN, REQUESTS, SECONDS

LOG = logging.getLogger("gateway")
LEFT = 499
"""The status that is logged where the client left before the answer began, as nginx does it."""
UNKNOWN = "unknown"
"""Stands for every path that is no route: whatever the client wrote there is in no log."""


class RequestTelemetry:
    """ASGI: logs and counts the requests of an application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        status, first_byte = LEFT, began

        async def observe_send(message: Message) -> None:
            nonlocal status, first_byte
            if message["type"] == "http.response.start":
                status = message["status"]
            elif first_byte == began:
                first_byte = loop.time()
            await send(message)

        offer_send(scope, send)
        fault = False
        OPEN.inc()
        try:
            await self._app(scope, receive, observe_send)
        except ClientDisconnect:
            status = LEFT
        except Exception as error:  # noqa: BLE001 - the border of a request; a stream that has begun is cut
            fault = True
            # Without its text, which may quote the request.
            where = "".join(traceback.format_tb(error.__traceback__))
            LOG.error("fault: %s\n%s", type(error).__name__, where)  # noqa: TRY400 - as above
        finally:
            OPEN.dec()
            route = getattr(scope.get("route"), "path", UNKNOWN)
            REQUESTS.labels(scope["method"], route, status).inc()
            SECONDS.labels(route).observe(first_byte - began)
            if fault:
                FAULTS.inc()
            if route not in PROBES:
                LOG.info("request", extra=_log_fields(scope, route, status, loop.time() - began))


def _log_fields(scope: Scope, route: str, status: int, seconds: float) -> dict[str, object]:
    state = scope.get("state", {})
    caller, job_id = state.get("caller"), state.get("job_id")
    about = {"method": scope["method"], "route": route, "status": status, "seconds": round(seconds, 3)}
    return about | ({"key": caller.name} if caller else {}) | ({"job_id": job_id} if job_id else {})
