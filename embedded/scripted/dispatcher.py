"""Takes every request: logs it, gives it its script, and answers where the script says so at once."""

import asyncio
import json
from collections.abc import Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

from tornado.iostream import IOStream

from embedded.ollama.server import OllamaHandler
from embedded.scripted.request_log import LoggedRequest, RequestLog
from embedded.scripted.script import DEFAULT, Script

# More of a body than this is not kept for the test to look at.
_KEPT_CHARACTERS = 200_000


@dataclass(frozen=True)
class Visit:
    """One request and what it gets."""

    entry: LoggedRequest
    script: Script
    stream: IOStream


# Set on arrival, for the length of the request: the runner finds here what the HTTP server does not hand it.
VISIT: ContextVar[Visit] = ContextVar("VISIT")


class Scripts:
    """What is still to be played."""

    def __init__(self) -> None:
        self._numbered: list[Script] = []
        self._endless: list[Script] = []

    def add(self, script: Script) -> None:
        """Put it behind the others of its sort."""
        (self._endless if script.times is None else self._numbered).append(script)

    def clear(self) -> None:
        """Forget all."""
        self.__init__()  # type: ignore[misc] # back to the beginning

    def take(self, path: str, model: str, raw: str) -> Script:
        """The script for a request; a numbered one is used up by it."""
        for index, script in enumerate(self._numbered):
            if script.fits(path, model, raw):
                left = (script.times or 1) - 1
                self._numbered[index : index + 1] = [replace(script, times=left)] if left else []
                return script
        return next((script for script in self._endless if script.fits(path, model, raw)), DEFAULT)


class ScriptedDispatcher:
    """Takes each request before it is answered."""

    def __init__(self, request_log: RequestLog, scripts: Scripts) -> None:
        self._request_log = request_log
        self._scripts = scripts
        self._visits: WeakKeyDictionary[OllamaHandler, Visit] = WeakKeyDictionary()
        self._connections: WeakKeyDictionary[IOStream, int] = WeakKeyDictionary()
        self._connected = 0

    def arrive(self, handler: OllamaHandler) -> Coroutine[Any, Any, None]:
        """Note the request and choose its script."""
        request = handler.request
        raw = request.body.decode("utf-8", errors="replace")
        model = _model_in(raw)
        stream = handler.connection_stream
        entry = self._request_log.arrive(
            self._number(stream), request.method or "", request.path, model, raw[:_KEPT_CHARACTERS]
        )  # fmt: skip
        visit = Visit(entry, self._scripts.take(request.path, model, raw), stream)
        self._visits[handler] = visit
        VISIT.set(visit)
        return self._receive(handler, visit.script)

    def hung_up(self, handler: OllamaHandler) -> None:
        """The client left early."""
        if visit := self._visits.get(handler):
            self._request_log.hang_up(visit.entry)

    def left(self, handler: OllamaHandler) -> None:
        """The request is over."""
        if visit := self._visits.get(handler):
            self._request_log.end(visit.entry)

    async def _receive(self, handler: OllamaHandler, script: Script) -> None:
        if script.delay_seconds:
            await asyncio.sleep(script.delay_seconds)
        if script.status is None:
            return
        handler.set_status(script.status)
        text = script.body if isinstance(script.body, str) else json.dumps(script.body)
        handler.set_header("Content-Type", "application/json; charset=utf-8")
        for name, value in script.headers.items():
            handler.set_header(name, value)
        handler.finish(text)

    def _number(self, stream: IOStream) -> int:
        if stream not in self._connections:
            self._connected += 1
            self._connections[stream] = self._connected
        return self._connections[stream]


def _model_in(raw: str) -> str:
    try:
        body = json.loads(raw)
    except ValueError:
        return ""
    return str(body.get("model", "")) if isinstance(body, dict) else ""
