"""A program that works with a client, as its tests see it: a call goes in as a line of JSON, its answer comes out."""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from embedded.child import bind_command

PROGRAMS = Path(__file__).parent / "programs"


class ClientFailed(Exception):
    """The client raised an error.

    Attributes:
        error: the name of its `kind`, and its `status`, `code`, `param` and `message`, where it has them.
    """

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(str(error))
        self.error = error


class Program:
    """A program in a process of its own, which serves one call after another, so that its imports are paid once."""

    def __init__(self, command: Sequence[str | Path], url: str, cwd: Path | None = None) -> None:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("LLAMAQ_", "OLLAMA_", "PYTHON"))
        }
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the program
        self._process = subprocess.Popen(
            bind_command([os.fspath(word) for word in command], group=True),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**environment, "GATEWAY_URL": url, "NO_PROXY": "127.0.0.1"},
            cwd=cwd,
            text=True,
        )

    def call(self, verb: str, **arguments: Any) -> Any:
        """What a verb of the program gives.

        Raises:
            ClientFailed: the client raised an error.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"verb": verb, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise AssertionError(f"the program has ended: {self._log.read()}")
        answer = json.loads(line)
        if "error" in answer:
            raise ClientFailed(answer["error"])
        return answer["result"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process as process:
            process.kill()
        self._log.close()
