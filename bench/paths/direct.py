"""The lower bound: the consumer asks the host itself, with requests and without a queue."""

import json
import time
from collections.abc import Iterator

import requests

from bench.paths.route import Addresses
from bench.readers.arrivals import Arrivals, First, first_stamp
from bench.readers.threads import run_in_threads

TIMEOUT_SECONDS = 60


class Direct:
    """One thread and one connection for an answer."""

    ENDPOINT = "/api/generate"

    def __init__(self, addresses: Addresses) -> None:
        self._url = addresses.ollama_url + self.ENDPOINT
        self._model = addresses.model

    def first(self) -> First:
        """Send one request."""
        asked = time.time_ns()
        texts = self._texts()
        text = next(texts)
        received = time.time_ns()
        for _ in texts:
            pass
        return First(asked, asked, first_stamp(text), received)

    def stream(self, count: int, arrivals: Arrivals) -> None:
        """Use one thread for each answer."""
        run_in_threads(count, lambda: self._follow(arrivals))

    def close(self) -> None:
        """Do nothing: no connection is kept."""

    def _follow(self, arrivals: Arrivals) -> None:
        for text in self._texts():
            arrivals.take(text)

    def _texts(self) -> Iterator[str]:
        with requests.post(self._url, json=self._body(), stream=True, timeout=TIMEOUT_SECONDS) as response:
            response.raise_for_status()
            rest = b""
            # A chunk of HTTP is mostly a line, and to read chunk by chunk is the fastest way.
            for chunk in response.iter_content(chunk_size=None):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if text := self._text(line):
                        yield text

    def _body(self) -> dict[str, object]:
        return {"model": self._model, "prompt": "go"}

    def _text(self, line: bytes) -> str:
        text: str = json.loads(line)["response"]
        return text
