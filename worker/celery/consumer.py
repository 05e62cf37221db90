"""Celery's consumer with a guard, and without the parts that this service does not need."""

from collections.abc import Callable
from functools import partial
from typing import Any

from celery.worker.consumer import Consumer as CeleryConsumer

from worker.celery import guard
from worker.celery.guard import BadMessage
from worker.celery.lifecycle import worker_of


class Consumer(CeleryConsumer):
    """Starts without mingle, which costs a second, and without gossip: workers coordinate through the job store."""

    def __init__(self, *args: Any, worker_options: dict[str, Any] | None = None, **options: Any) -> None:
        disabled = {"without_mingle": True, "without_gossip": True}
        super().__init__(*args, worker_options={**(worker_options or {}), **disabled}, **options)

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, and try again at least once a second: kombu's own pauses grow to half a minute."""
        conn.ensure_connection = partial(conn.ensure_connection, interval_start=0.2, interval_step=0.2, interval_max=1)
        return super().ensure_connected(conn)

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], None]:
        """Celery's handler, behind the guard."""
        handle = super().create_task_handler(*args, **options)

        def take(message: Any) -> None:
            try:
                guard.check(message, self.strategies)
            except BadMessage as error:
                self._set_aside(message, error.job_id, error)
            else:
                handle(message)

        return take

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Set aside a message that kombu could not decode. Celery would log its body, which may be a user's prompt."""
        self._set_aside(message, "", BadMessage(f"the message cannot be decoded: {type(exc).__name__}"))

    def _set_aside(self, message: Any, job_id: str, error: BadMessage) -> None:
        worker_of(self.app).set_aside(job_id, str((message.headers or {}).get("task", "")), message.body, error)
        message.ack_log_error(guard.log, self.connection_errors)
