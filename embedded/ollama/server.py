"""The HTTP server: routes, and what every answer of Ollama's has in common."""

import asyncio
import ipaddress
import math
import socket
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from tornado.http1connection import HTTP1Connection
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from embedded.engine.interface import DEFAULT_CONTEXT, Engine, EngineError, Model
from embedded.engine.scheduler import DEFAULT_KEEP_ALIVE_SECONDS, Scheduler
from embedded.ollama.reply import send_json
from llamaq.store.clock import SYSTEM, Clock
from ollama_api.refusal import Refusal

VERSION = "0.32.15"
_LOCAL_NAMES = (".localhost", ".local", ".internal")
_LARGEST_BODY_BYTES = 512 << 20
_SMALLEST_CONTEXT = 4


class Dispatcher(Protocol):
    """Sees every request come and go. The scripted server of the tests has one; the service has none."""

    def on_request(self, handler: "OllamaHandler") -> Coroutine[Any, Any, None]:
        """Receive a request. What is returned is awaited first, and may finish the handler to answer it there.

        A plain function, so that context variables set in it hold for the whole request.
        """

    def on_hang_up(self, handler: "OllamaHandler") -> None:
        """Note that the client left before its answer was complete."""

    def on_finish(self, handler: "OllamaHandler") -> None:
        """The request is over."""


@dataclass
class OllamaState:
    """What the handlers share.

    Attributes:
        engine: Holds the catalogue.
        scheduler: Seats requests on models.
        keep_alive: Seconds a model stays where a request does not say.
        clock: Wall clock for `created_at`, monotonic for durations.
        dispatcher: For tests.
    """

    engine: Engine
    scheduler: Scheduler
    keep_alive: float = DEFAULT_KEEP_ALIVE_SECONDS
    clock: Clock = SYSTEM
    dispatcher: Dispatcher | None = None

    def keep_alive_of(self, body: Mapping[str, Any]) -> float:
        """Seconds that the model stays after a request; infinity where its `keep_alive` is negative."""
        seconds = float(body.get("keep_alive", self.keep_alive))
        return math.inf if seconds < 0 else seconds

    def find_model(self, name: str, message: str = "model '{}' not found") -> Model:
        """Find the catalogue's entry for a name as a client writes it: no tag means `:latest`.

        Letter case does not matter, unless the entry has capitals, as a model whose files were made elsewhere.

        Raises:
            EngineError: 404.
        """
        wanted = name
        if wanted and ":" not in wanted.rsplit("/", 1)[-1]:
            wanted += ":latest"
        for model in self.engine.models:
            if model.name in (wanted, wanted.lower()):
                return model
        raise EngineError(404, message.format(name))


class OllamaHandler(RequestHandler):
    """The common part: who may ask, how errors look, and what happens when the client leaves."""

    _work: "asyncio.Future[None] | None" = None
    _disconnected = False

    @property
    def state(self) -> OllamaState:
        """What the handlers share."""
        state: OllamaState = self.settings["state"]
        return state

    @property
    def connection_stream(self) -> IOStream:
        """The connection itself."""
        connection = self.request.connection
        if not isinstance(connection, HTTP1Connection):
            raise TypeError(type(connection))
        return connection.stream

    def set_default_headers(self) -> None:
        """Ollama names no server."""
        self.clear_header("Server")

    def compute_etag(self) -> None:
        """Ollama sends none."""

    async def prepare(self) -> None:
        """Turn away foreign hosts and origins (DNS rebinding), then let the dispatcher look."""
        # Tokens are small writes: with Nagle's algorithm each would wait for the acknowledgement of the one before.
        self.connection_stream.set_nodelay(True)
        if not (_is_local(self.request.host) and _is_local_origin(self.request.headers.get("Origin"))):
            self.set_status(403)
            self.clear_header("Content-Type")
            await self.finish()
        elif self.state.dispatcher is not None:
            await self.run_until_disconnect(self.state.dispatcher.on_request(self))

    async def run_until_disconnect(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work, and stop in the middle of it at once when the client closes its connection."""
        self._work = asyncio.ensure_future(work)
        try:
            await self._work
        except Refusal as error:
            send_json(self, error.status, {"error": error.message})
        except StreamClosedError:
            self._disconnected = True
        except asyncio.CancelledError:
            if not self._disconnected:
                raise
        if self._disconnected:
            # The client has gone; without this tornado would go on with the request.
            self._auto_finish = False
            self._finished = True
            self.on_finish()

    def on_connection_close(self) -> None:
        """The client has gone."""
        self._disconnected = True
        if self.state.dispatcher is not None:
            self.state.dispatcher.on_hang_up(self)
        if self._work is not None:
            self._work.cancel()

    def on_finish(self) -> None:
        """The request is over."""
        if self.state.dispatcher is not None:
            self.state.dispatcher.on_finish(self)

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ARG002 - tornado's signature
        """Routing errors are text, as from Go's router; anything else is JSON."""
        if status_code == 405:
            self.set_header("Allow", ", ".join(self._allowed_methods()))
            self._send_text("405 method not allowed")
        elif status_code == 404:
            self._send_text("404 page not found")
        else:
            send_json(self, status_code, {"error": self._reason})

    def _send_text(self, text: str) -> None:
        self.set_header("Content-Type", "text/plain")
        self.finish(text)

    def _allowed_methods(self) -> list[str]:
        return sorted(_methods_of(type(self)))


class Absent(OllamaHandler):
    """Any path that is not routed: 404, or 301 where only a slash is too much."""

    async def prepare(self) -> None:
        """Answer."""
        await super().prepare()
        if self._finished:
            return
        path = self.request.path
        known: set[str] = self.settings["paths"]
        if path != "/" and path.endswith("/") and path.rstrip("/") in known:
            self._redirect(path.rstrip("/"))
        else:
            self.send_error(404)

    def _redirect(self, to: str) -> None:
        self.set_status(301 if self.request.method == "GET" else 307)
        self.set_header("Location", to)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(f'<a href="{to}">Moved Permanently</a>.\n\n')


class Server:
    """A listening server.

    Attributes:
        url: Where it answers.
        state: What the handlers share.
    """

    def __init__(self, state: OllamaState, routes: Sequence[tuple[Any, ...]], port: int = 0) -> None:
        self.state = state
        application = Application(
            list(routes),
            default_handler_class=Absent,
            log_function=lambda handler: None,  # noqa: ARG005 - tornado's signature
            state=state,
            paths={route[0] for route in routes},
        )
        self._http = HTTPServer(application, max_buffer_size=_LARGEST_BODY_BYTES)
        sockets = bind_sockets(port, "127.0.0.1", family=socket.AF_INET)
        self._http.add_sockets(sockets)
        self.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Stop listening, cut what is open, and free the models."""
        self._http.stop()
        await self._http.close_all_connections()
        await self.state.scheduler.close()


def context_length(options: Mapping[str, Any], trained: int) -> int:
    """The `num_ctx` in force, tokens: never above what the model was trained on, never below 4."""
    asked = int(options.get("num_ctx", min(DEFAULT_CONTEXT, trained)))
    return max(_SMALLEST_CONTEXT, min(asked, trained))


def _methods_of(handler: type[RequestHandler]) -> set[str]:
    plain = RequestHandler._unimplemented_method  # noqa: SLF001 - the one mark of an undefined method
    return {name for name in RequestHandler.SUPPORTED_METHODS if getattr(handler, name.lower(), plain) is not plain}


def _is_local(host: str) -> bool:
    name = (urlsplit(f"//{host}").hostname or "").lower()
    if name in ("", "localhost", socket.gethostname().lower()) or name.endswith(_LOCAL_NAMES):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_private or address.is_unspecified


def _is_local_origin(origin: str | None) -> bool:
    if not origin:
        return True
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https"):
        return parts.scheme in ("app", "file", "tauri", "vscode-webview", "vscode-file")
    return parts.hostname in ("localhost", "127.0.0.1", "0.0.0.0")  # noqa: S104 - compared, not bound
