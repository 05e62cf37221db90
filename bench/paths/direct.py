"""The limit: the consumer asks the host itself, with requests and without any queue."""

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
        """A request of its own, as all are."""
        asked = time.time_ns()
        texts = self._texts()
        text = next(texts)
        received = time.time_ns()
        for _ in texts:
            pass
        return First(asked, asked, first_stamp(text), received)

    def stream(self, count: int, arrivals: Arrivals) -> None:
        """As many threads as answers."""
        in_threads(count, lambda: self._follow(arrivals))

    def close(self) -> None:
        """Nothing is kept."""

    def _follow(self, arrivals: Arrivals) -> None:
        for text in self._texts():
            arrivals.take(text)

    def _texts(self) -> Iterator[str]:
        body = {"model": self._model, "prompt": "go"}
        with requests.post(self._url, json=body, stream=True, timeout=TIMEOUT_SECONDS) as response:
            response.raise_for_status()
            # The host sends a line in one HTTP chunk, and this gives chunk by chunk: no way is cheaper.
            for line in response.iter_content(chunk_size=None):
                if text := json.loads(line)["response"]:
                    yield text
