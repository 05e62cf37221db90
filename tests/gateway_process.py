"""A real gateway in a process of its own, and what a test asks it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import httpx

from tests import forked


class GatewayProcess:
    """`run.py gateway` on a free port, with settings of its own; it dies with this process.

    Attributes:
        url: where it listens.
        http: a client of it, without a key.
    """

    COMMAND: Sequence[str] = (sys.executable, "-m", "gateway")

    def __init__(self, redis_url: str, **settings: object) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("LLAMAQ_", "OLLAMA_"))}
        given = {"redis_url": redis_url, "gateway_port": 0, "log_format": "json", **settings}
        environment |= {f"LLAMAQ_{name.upper()}": str(value) for name, value in given.items()}
        self._log = tempfile.NamedTemporaryFile("ab")  # noqa: SIM115 - closed by `close`
        group = given.get("gateway_processes", 1) != 1
        self.process = forked.spawn(
            self.COMMAND, output=subprocess.PIPE, errors=self._log.fileno(), environment=environment, group=group
        )
        assert self.process.stdout is not None
        with self.process.stdout as first:
            self.url = first.readline().decode().strip()  # it listens from here on
        assert self.url, self.log()
        self.http = httpx.Client(base_url=self.url, timeout=60)

    def client(self, key: str | None = None, **options: Any) -> httpx.AsyncClient:
        """An asyncio client of it, with a key."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60, **options)

    def log(self) -> str:
        """What it has logged."""
        # Opened anew, because the process moves the position of the file that it shares.
        return Path(self._log.name).read_text("utf-8")

    def stop(self, seconds: float = 30) -> int:
        """End it in order, and give its exit code."""
        self.process.terminate()
        return self.process.wait(seconds)

    def close(self) -> None:
        """End it, whatever it does."""
        self.http.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
