"""Starts, supervises and stops the duties of a worker.

A failed round does not end its duty: the supervisor logs the failure and pauses, and the next round begins. A worker
with a duty that has failed for longer than `health.FAILING_SECONDS` does not count as alive.
"""

import threading
from collections.abc import Callable, Sequence

import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from llamaq.store.clock import Clock
from llamaq.store.redis_errors import refuses
from llamaq.vocabulary.errors import BrokerUnavailable
from worker.duties.duty import Duty, Phase
from worker.duties.health import Health
from worker.telemetry.throttled_warning import ThrottledWarning

JOIN_SECONDS = 4.0
"""Time for the last rounds of all duties together, before the connections are closed."""
_OUTAGE = (RedisConnectionError, RedisTimeoutError, ConnectionError, TimeoutError, BrokerUnavailable)
REFUSED = "Redis answers, and refuses what {} asks"
_log = structlog.get_logger(__name__)


class Supervisor:
    """The duties of one worker, each in a thread."""

    def __init__(
        self, duties: Sequence[Duty], clock: Clock, health: Health, count_failure: Callable[[str], None]
    ) -> None:
        """Create the threads.

        Args:
            duties: started and stopped in this order.
            clock: gives the time.
            health: is told of every round.
            count_failure: called with the duty's name for each round that failed, unless Redis could not be reached.
        """
        self.duties = tuple(duties)
        self._clock = clock
        self._threads = [
            threading.Thread(
                target=_Rounds(duty, clock, health, count_failure).run, name=f"llamaq-{duty.name}", daemon=True
            )
            for duty in self.duties
        ]

    def start(self) -> None:
        """Start every duty."""
        for thread in self._threads:
            thread.start()

    def stop(self, phase: Phase) -> None:
        """Stop the duties of a phase, without waiting for their last rounds."""
        for duty in self.duties:
            if duty.stops_at == phase:
                duty.stop()

    def close(self) -> None:
        """Wait for the end of every duty, for at most `JOIN_SECONDS`."""
        limit = self._clock.monotonic() + JOIN_SECONDS
        started = [thread for thread in self._threads if thread.ident is not None]
        for thread in started:
            thread.join(max(limit - self._clock.monotonic(), 0))
        late = [thread.name for thread in started if thread.is_alive()]
        if late:
            _log.warning("threads that have not ended in time are left behind", threads=late)


class _Rounds:
    """The thread of one duty."""

    def __init__(self, duty: Duty, clock: Clock, health: Health, count_failure: Callable[[str], None]) -> None:
        self._duty = duty
        self._health = health
        self._count_failure = count_failure
        self._outage = ThrottledWarning(duty.when_redis_fails, clock)
        self._refused = ThrottledWarning(REFUSED.format(duty.name), clock)
        self._failures = 0

    def run(self) -> None:
        while not self._duty.stopping.is_set():
            self._duty.wait(self._run_round())
        try:
            self._duty.finish()
        except BaseException as error:  # noqa: BLE001 - the thread ends here, so the error would be lost
            self._report(error)

    def _run_round(self) -> float:
        try:
            pause = self._duty.run_round()
        except BaseException as error:  # noqa: BLE001 - no exception may end a duty, no SystemExit of a library either
            pause = self._report(error)
            self._note_failure()
            return pause
        self._health.note_success(self._duty.name)
        self._outage.reset()
        self._refused.reset()
        self._failures = 0
        return pause

    def _note_failure(self) -> None:
        try:
            self._health.note_failure(self._duty.name)
        except Exception as error:  # noqa: BLE001 - the duty goes on, even where nobody can be told that it fails
            _log.warning("a failing duty could not be noted", duty=self._duty.name, error=str(error))

    def _report(self, error: BaseException) -> float:
        """Log and count a failure; the seconds to wait after it."""
        duty = self._duty
        refused = refuses(error)
        if refused or not isinstance(error, _OUTAGE):
            self._count_failure(duty.name)
        if refused or isinstance(error, (RedisError, *_OUTAGE)):
            (self._refused if refused else self._outage).warn(error)  # type: ignore[arg-type]  # an Exception by now
            return duty.retry_seconds
        pause = min(duty.retry_seconds * 2.0**self._failures, duty.longest_retry_seconds)
        self._failures = min(self._failures + 1, 30)  # 2.0 to the power of a thousand is an OverflowError
        _log.error("a round failed; the next one follows", duty=duty.name, again_in_seconds=pause, exc_info=error)
        return pause
