"""Celery's consumer behind the gate, and without the parts that this service does not need."""

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import structlog
from celery.worker.consumer import Consumer as CeleryConsumer
from celery.worker.consumer import consumer as celery_consumer

from worker.celery import direct_request
from worker.celery.lifecycle import worker_of
from worker.gate import is_outage
from worker.telemetry.throttled_warning import ThrottledLine

EVENT_HEARTBEAT_SECONDS = 10.0
"""Between two events of Celery that say that the worker is there, as Flower shows. Celery's default is 2."""
_log = structlog.get_logger(__name__)


class Consumer(CeleryConsumer):
    """Starts without mingle, which costs a second, and without gossip: workers coordinate through the job store."""

    def __init__(self, *args: Any, worker_options: dict[str, Any] | None = None, **options: Any) -> None:
        disabled = {"without_mingle": True, "without_gossip": True}
        given = {**(worker_options or {}), **disabled}
        given["heartbeat_interval"] = given.get("heartbeat_interval") or EVENT_HEARTBEAT_SECONDS
        super().__init__(*args, worker_options=given, **options)
        celery_consumer.logger.addFilter(ThrottledLine(celery_consumer.CONNECTION_ERROR))

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, and try again at least once a second: kombu's own pauses grow to half a minute."""
        worker_of(self.app).mend_damaged_keys()
        conn.ensure_connection = partial(conn.ensure_connection, interval_start=0.2, interval_step=0.2, interval_max=1)
        return super().ensure_connected(conn)

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], None]:
        """Celery's handler. A message that it fails at goes back, until it has been taken too often."""
        handle = super().create_task_handler(*args, **options)
        worker_of(self.app).start_tasks_with(partial(direct_request.start_task, self))

        def take(message: Any) -> None:
            try:
                handle(message)
            except Exception as error:
                if is_outage(error) or message.acknowledged:
                    raise
                # The message is one of ours by now, so this is no fault of its sender: as of a pool that is closing.
                _log.exception("Celery could not take a message; it goes back to its queue")
                message.reject_log_error(_log, self.connection_errors, requeue=True)

        return take

    def on_decode_error(self, message: Any, exc: Exception) -> NoReturn:  # noqa: ARG002 - the signature is Celery's
        """Leave the message to the gate. Celery would log its body and drop it."""
        raise exc

    def on_unknown_message(self, body: Any, message: Any) -> NoReturn:  # noqa: ARG002 - as above
        """As `on_decode_error`."""
        raise TypeError("not a message of a task")

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> NoReturn:  # noqa: ARG002 - as above
        """As `on_decode_error`."""
        raise exc

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> NoReturn:  # noqa: ARG002 - as above
        """As `on_decode_error`."""
        raise exc
