"""One thread of a worker, which does the same thing again and again until it is told to stop."""

import threading

JOIN_SECONDS = 5.0


class Duty:
    """What such threads have in common; each says in `_run` what it does, and looks at `_stopping` meanwhile."""

    def __init__(self, name: str) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"llamaq-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further round."""
        self._stopping.set()

    def join(self) -> None:
        """Wait for the thread's end, before its connections are closed under it."""
        self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        raise NotImplementedError
