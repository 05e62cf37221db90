"""Bad messages on their way to the dead-letter stream, from threads that must not wait for Redis."""

import queue
import threading

import structlog
from redis.exceptions import RedisError

from tasks.outcome import Error
from tasks.store import JobStore

MOST_WAITING = 1_000
MOST_CHARS = 100_000
"""Kept of one message."""
_PAUSE_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class DeadLetters:
    """The thread that sets messages aside. While Redis is away they wait here."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._waiting: queue.Queue[tuple[str, str, str, Error] | None] = queue.Queue(MOST_WAITING)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="llamaq-dead", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, once what waits is written, or at once while Redis is away."""
        self._stopping.set()
        self._waiting.put(None)
        self._thread.join()

    def add(self, job_id: str, kind: str, message: object, reason: Exception) -> None:
        """Set one message aside. Its content is not logged: it may be somebody's prompt."""
        text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
        _log.warning("a message was set aside", job_id=job_id, reason=str(reason))
        self._waiting.put((job_id, kind, text[:MOST_CHARS], Error("invalid_request", str(reason))))

    def _run(self) -> None:
        while (letter := self._waiting.get()) is not None:
            job_id, kind, text, error = letter
            while not self._written(job_id, kind, text, error):
                if self._stopping.wait(_PAUSE_SECONDS):
                    _log.error("a bad message could not be set aside: Redis is away", job_id=job_id)
                    return

    def _written(self, job_id: str, kind: str, text: str, error: Error) -> bool:
        try:
            self._store.refuse(job_id, kind, "celery", text, error)
        except (RedisError, OSError):
            return False
        return True
