"""Receives every request: logs it, chooses its script, and answers it where the script has a status."""

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

# The request log keeps so much of a body.
_KEPT_CHARACTERS = 200_000


@dataclass(frozen=True)
class Visit:
    """One request with its script."""

    entry: LoggedRequest
    script: Script
    stream: IOStream


# Set on arrival: the HTTP server does not pass it to the runner.
VISIT: ContextVar[Visit] = ContextVar("VISIT")


class Scripts:
    """The scripts that are still to be played."""

    def __init__(self) -> None:
        self._numbered: list[Script] = []
        self._endless: list[Script] = []

    def add(self, script: Script) -> None:
        """Append a script to the numbered or to the endless ones."""
        (self._endless if script.times is None else self._numbered).append(script)

    def clear(self) -> None:
        """Remove all."""
        self.__init__()  # type: ignore[misc] # back to the beginning

    def take(self, path: str, model: str, raw: str) -> Script:
        """The script for a request, which uses up one play of a numbered script."""
        for index, script in enumerate(self._numbered):
            if script.matches(path, model, raw):
                left = (script.times or 1) - 1
                self._numbered[index : index + 1] = [replace(script, times=left)] if left else []
                return script
        return next((script for script in self._endless if script.matches(path, model, raw)), DEFAULT)


class ScriptedDispatcher:
    """Receives each request before it is answered."""

    def __init__(self, request_log: RequestLog, scripts: Scripts) -> None:
        self._request_log = request_log
        self._scripts = scripts
        self._visits: WeakKeyDictionary[OllamaHandler, Visit] = WeakKeyDictionary()
        self._connections: WeakKeyDictionary[IOStream, int] = WeakKeyDictionary()
        self._connected = 0

    def on_request(self, handler: OllamaHandler) -> Coroutine[Any, Any, None]:
        """Log the request and choose its script."""
        request = handler.request
        raw = request.body.decode("utf-8", errors="replace")
        model = _read_model(raw)
        stream = handler.connection_stream
        entry = self._request_log.add(
            self._number_connection(stream), request.method or "", request.path, model, raw[:_KEPT_CHARACTERS]
        )  # fmt: skip
        visit = Visit(entry, self._scripts.take(request.path, model, raw), stream)
        self._visits[handler] = visit
        VISIT.set(visit)
        return self._answer_with_status(handler, visit.script)

    def on_hang_up(self, handler: OllamaHandler) -> None:
        """Log that the client closed the connection early."""
        if visit := self._visits.get(handler):
            self._request_log.hang_up(visit.entry)

    def on_finish(self, handler: OllamaHandler) -> None:
        """Log the end of the request."""
        if visit := self._visits.get(handler):
            self._request_log.end(visit.entry)

    async def _answer_with_status(self, handler: OllamaHandler, script: Script) -> None:
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

    def _number_connection(self, stream: IOStream) -> int:
        if stream not in self._connections:
            self._connected += 1
            self._connections[stream] = self._connected
        return self._connections[stream]


def _read_model(raw: str) -> str:
    try:
        body = json.loads(raw)
    except ValueError:
        return ""
    return str(body.get("model", "")) if isinstance(body, dict) else ""
