"""The embedded Ollama as a process: what the demo starts."""

from pathlib import Path
from typing import Self

from embedded.process import ServerProcess


class EmbeddedOllama(ServerProcess):
    """SmolLM2 behind Ollama's API on 127.0.0.1. Create one with `start`."""

    @classmethod
    def start(
        cls, model_file: Path, *, slots: int = 2, port: int = 0, preload: bool = False, threads: int | None = None
    ) -> Self:
        """Start it and return when it listens.

        Args:
            model_file: The weights, from `embedded.weights.fetch_weights()`.
            slots: Requests it answers at a time.
            port: 0 lets the kernel choose.
            preload: Load the model now rather than at the first request.
            threads: That compute; None for one on each processor.

        Raises:
            ServerFailed: It ended at once.
        """
        arguments = ["--model-file", str(model_file), "--slots", str(slots), *(["--preload"] if preload else [])]
        arguments += ["--threads", str(threads)] if threads else []
        return cls("embedded.ollama", arguments, port)
