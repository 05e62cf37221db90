"""The duty that reads the answers of all attempts."""

from collections.abc import Callable

from api_client.body.body_reader import BodyReader
from llamaq.store.clock import Clock
from worker.duties import duty
from worker.duties.duty import Duty


class StreamReader(Duty):
    """Repeats the rounds of a `BodyReader`, which takes the answers' bytes as they arrive."""

    name = "stream-reader"
    stops_at = "drain"
    retry_seconds = 0.2
    longest_retry_seconds = 1.0

    def __init__(self, reader: BodyReader, pause_seconds: Callable[[], float], clock: Clock) -> None:
        """Create the duty.

        Args:
            reader: whose rounds it repeats.
            pause_seconds: how long the next round has time. More bytes arrive meanwhile, and are taken together.
            clock: gives the time.
        """
        super().__init__()
        self._reader = reader
        self._pause_seconds = pause_seconds
        self._clock = clock

    def run_round(self) -> float:
        """Take what has arrived, or wait for it."""
        if seconds := self._pause_seconds():
            self._clock.sleep(seconds)
        self._reader.run_round(duty.IDLE_SECONDS)
        return 0

    def finish(self) -> None:
        """Abort the answers that are left."""
        self._reader.close()

    def stop(self) -> None:
        """Read no more."""
        super().stop()
        self._reader.wake()
