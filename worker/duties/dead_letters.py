"""Writes bad messages into the dead-letter stream, for threads that must not wait for Redis."""

import queue
from dataclasses import replace

import structlog
from redis.exceptions import RedisError

from llamaq.store.worker.job_store import MOST_DEAD_CHARS, JobStore
from llamaq.store.worker.outcome import Error
from worker.duties import duty
from worker.duties.duty import Duty
from worker.gate import Incoming

MOST_WAITING = 1_000
Letter = tuple[Incoming, Error]
_log = structlog.get_logger(__name__)


class DeadLetters(Duty):
    """The duty that sets messages aside. While Redis is away they wait in memory."""

    name = "dead-letters"
    stops_at = "drain"
    when_redis_fails = "bad messages wait to be set aside: Redis does not answer"

    def __init__(self, store: JobStore) -> None:
        super().__init__()
        self._store = store
        self._waiting: queue.Queue[Letter] = queue.Queue(MOST_WAITING)
        self._unwritten: Letter | None = None

    def add(self, message: Incoming, error: Error) -> None:
        """Set one message aside. Its content is not logged: it may be a user's prompt."""
        _log.warning("a message was set aside", source=message.source, job_id=message.job_id, reason=error.message)
        try:
            self._waiting.put_nowait((replace(message, content=message.content[:MOST_DEAD_CHARS]), error))
        except queue.Full:  # the caller is Celery's consumer, which must not wait
            _log.error("a bad message is dropped: Redis has not taken those before it", job_id=message.job_id)
        self.wake()

    def run_round(self) -> float:
        """Write the next message, if there is one; `add` ends the wait."""
        try:
            self._write(self._unwritten or self._waiting.get_nowait())
        except queue.Empty:
            return duty.IDLE_SECONDS
        return 0

    def finish(self) -> None:
        """Write the waiting messages, unless Redis is away."""
        while self._unwritten or not self._waiting.empty():
            try:
                self._write(self._unwritten or self._waiting.get_nowait())
            except (RedisError, OSError):
                _log.error("bad messages could not be set aside: Redis is away", messages=self._waiting.qsize() + 1)
                return

    def _write(self, letter: Letter) -> None:
        self._unwritten = letter  # where Redis fails, the next round writes it again
        message, error = letter
        self._store.refuse(message.job_id, message.kind, message.source, message.content, error)
        self._unwritten = None
