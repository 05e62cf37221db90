"""The lower bound: the consumer asks the host itself, with requests and without a queue."""

import json
import time
from collections.abc import Iterator

import requests

from bench.paths.route import Addresses
from bench.readers.arrivals import Arrivals, First, first_stamp
from bench.readers.threads import in_threads

TIMEOUT_SECONDS = 60


class Direct:
    """One thread and one connection for an answer."""

    def __init__(self, addresses: Addresses) -> None:
        self._url = f"{addresses.ollama_url}/api/generate"
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
        in_threads(count, lambda: self._follow(arrivals))

    def close(self) -> None:
        """Do nothing: no connection is kept."""

    def _follow(self, arrivals: Arrivals) -> None:
        for text in self._texts():
            arrivals.take(text)

    def _texts(self) -> Iterator[str]:
        body = {"model": self._model, "prompt": "go"}
        with requests.post(self._url, json=body, stream=True, timeout=TIMEOUT_SECONDS) as response:
            response.raise_for_status()
            # The host sends each line as one HTTP chunk, and this reads chunk by chunk, which is the fastest way.
            for line in response.iter_content(chunk_size=None):
                if text := json.loads(line)["response"]:
                    yield text
