"""Writes bad messages into the dead-letter stream, for threads that must not wait for Redis."""

import queue
from contextlib import suppress

import structlog
from redis.exceptions import RedisError

from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.outcome import Error
from worker.duties.duty import Duty

MOST_WAITING = 1_000
MOST_CHARS = 100_000
"""The part of one message that is kept."""
_WAIT_SECONDS = 1.0
Letter = tuple[str, str, str, Error]
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

    def add(self, job_id: str, kind: str, message: object, reason: Exception) -> None:
        """Set one message aside. Its content is not logged: it may be a user's prompt."""
        text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
        _log.warning("a message was set aside", job_id=job_id, reason=str(reason))
        try:
            self._waiting.put_nowait((job_id, kind, text[:MOST_CHARS], Error("invalid_request", str(reason))))
        except queue.Full:  # the caller is Celery's consumer, which must not wait
            _log.error("a bad message is dropped: Redis has not taken those before it", job_id=job_id)

    def round(self) -> float:
        """Write the next message, or wait a second for one."""
        with suppress(queue.Empty):
            self._write(self._unwritten or self._waiting.get(timeout=_WAIT_SECONDS))
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
        job_id, kind, text, error = letter
        self._store.refuse(job_id, kind, "celery", text, error)
        self._unwritten = None
