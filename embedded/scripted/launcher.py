"""Starts the scripted server, and controls it from a test."""

import http.client
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self
from urllib.parse import quote, urlsplit

from embedded.process import ServerProcess
from embedded.scripted.script import Script, ScriptedModel

Stats = dict[str, Any]


class ScriptedOllama(ServerProcess):
    """The scripted server in a process of its own. Create one with `start`. A restart clears scripts and counters."""

    _after = 0

    @classmethod
    def start(
        cls,
        *,
        slots: int = 1,
        max_queue: int = 512,
        max_models: int = 3,
        keep_alive: float = 300.0,
        models: Sequence[ScriptedModel] = (),
        port: int = 0,
    ) -> Self:
        """Start it and return when it listens.

        Args:
            slots: Requests at a time per model, as `OLLAMA_NUM_PARALLEL`.
            max_queue: Requests that may wait for a load, as `OLLAMA_MAX_QUEUE`.
            max_models: Models in memory at a time, as `OLLAMA_MAX_LOADED_MODELS`.
            keep_alive: Seconds that a model stays loaded where a request sets none.
            models: Replace the default ones (`embedded.scripted.script.MODELS`).
            port: 0 lets the kernel choose.

        Raises:
            ServerFailed: It ended at once.
        """
        arguments = ["--slots", str(slots), "--max-queue", str(max_queue), "--max-models", str(max_models)]
        arguments += ["--keep-alive", str(keep_alive)]
        if models:
            arguments += ["--models", json.dumps([model.to_json() for model in models])]
        return cls("embedded.scripted", arguments, port)

    def script(self, *scripts: Script, **fields: Any) -> None:
        """Add scripts to be played, or one made of `fields`. `script(tokens=["a"], rate=50)`."""
        added = [*scripts, *([Script(**fields)] if fields else [])]
        self._control("POST", "/_script", [script.to_json() for script in added])

    def clear(self) -> None:
        """Remove all scripts. Scripts that are being played go on."""
        self._control("DELETE", "/_script", None)

    def release(self, name: str) -> None:
        """Open a gate, for the waiting requests and for later ones."""
        self._control("POST", "/_release", {"name": name})

    def set_model(self, model: ScriptedModel, **changes: Any) -> None:
        """Add a model or replace one. `set_model(model, load_seconds=2)`."""
        self._control("POST", "/_model", replace(model, **changes).to_json())

    def remove_model(self, name: str) -> None:
        """Delete a model from its disk."""
        self._control("DELETE", f"/_model?name={quote(name)}", None)

    def stats(self, *, bodies: bool = True) -> Stats:
        """The request log so far: the fields of `RequestLog`, with `requests` as of `LoggedRequest`."""
        return self._control("GET", f"/_stats?after={self._after}" if bodies else "/_stats", None)

    def forget_requests(self) -> int:
        """Leave the requests so far out of `requests` from now on, which is quicker; returns how many there were."""
        self._after = int(self.stats(bodies=False)["arrived"])
        return self._after

    def wait(self, until: Callable[[Stats], bool], seconds: float = 30.0) -> Stats:
        """Wait until the request log satisfies `until`. Each change is checked, without polling.

        Raises:
            TimeoutError: It was not so within the time.
        """
        limit = time.monotonic() + seconds
        stats = self.stats()
        while not until(stats):
            if time.monotonic() > limit:  # a worker's probes are changes too, so there is always a next one
                raise TimeoutError(f"not within {seconds:g} s; it saw {stats}")
            path = f"/_stats?after={self._after}&newer={stats['version']}"
            stats = self._control("GET", path, None, seconds)
        return stats

    def _launch(self, port: int) -> None:
        self._after = 0
        super()._launch(port)

    def _control(self, method: str, path: str, body: object, seconds: float = 30.0) -> Stats:
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(self.url).port, timeout=seconds)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status != 200:
            message = f"{method} {path}: {response.status} {text!r}"
            raise ValueError(message)
        answer: Stats = json.loads(text) if text else {}
        return answer
