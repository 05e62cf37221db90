"""Bad messages on their way to the dead-letter stream, from threads that must not wait for Redis."""

import queue
import threading

import structlog
from redis.exceptions import RedisError

from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.outcome import Error

MOST_WAITING = 1_000
MOST_CHARS = 100_000
"""Kept of one message."""
_PAUSE_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class DeadLetters:
    """The thread that sets messages aside. While Redis is away they wait here."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._waiting: queue.Queue[tuple[str, str, str, Error]] = queue.Queue(MOST_WAITING)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="llamaq-dead", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, once what waits is written, or at once while Redis is away."""
        self._stopping.set()
        self._thread.join()

    def add(self, job_id: str, kind: str, message: object, reason: Exception) -> None:
        """Set one message aside. Its content is not logged: it may be somebody's prompt."""
        text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
        _log.warning("a message was set aside", job_id=job_id, reason=str(reason))
        try:
            self._waiting.put_nowait((job_id, kind, text[:MOST_CHARS], Error("invalid_request", str(reason))))
        except queue.Full:  # the caller is Celery's consumer, which must not wait
            _log.error("a bad message is dropped: Redis has not taken those before it", job_id=job_id)

    def _run(self) -> None:
        while True:
            try:
                letter = self._waiting.get(timeout=_PAUSE_SECONDS)
            except queue.Empty:
                if self._stopping.is_set():
                    return
            else:
                if not self._delivered(*letter):
                    return

    def _delivered(self, job_id: str, kind: str, text: str, error: Error) -> bool:
        while not self._written(job_id, kind, text, error):
            if self._stopping.wait(_PAUSE_SECONDS):
                _log.error("a bad message could not be set aside: Redis is away", job_id=job_id)
                return False
        return True

    def _written(self, job_id: str, kind: str, text: str, error: Error) -> bool:
        try:
            self._store.refuse(job_id, kind, "celery", text, error)
        except (RedisError, OSError):
            return False
        return True
