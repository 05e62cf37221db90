"""The models of the fleet, for callers that have Celery and not the SDK.

* `app.send_task("llamaq.models", queue="llamaq").get()`: a list of records as of `llamaq models --json`. The results of
  jobs never go through a result backend; this one does, since its caller may have no other way to read it. The
  caller's application needs the same Redis as its `backend`; the answer is kept there for a minute.
* `celery -A worker.app inspect llamaq_status`: each worker's own view of its host, from memory.
"""

from typing import Any

from celery import Celery
from celery.backends.redis import RedisBackend
from celery.worker.control import inspect_command

from llamaq.store.connections.clients import connect_binary
from llamaq.vocabulary.wire import wire_object
from worker.celery.lifecycle import worker_of
from worker.settings.environment import Settings

TASK = "llamaq.models"
KEPT_SECONDS = 60


class _Backend(RedisBackend):
    """Celery's backend over a client of llamaq, which takes each form of address."""

    def __init__(self, *args: Any, redis_url: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self._redis_url = redis_url

    def _create_client(self, **_: Any) -> Any:
        return connect_binary(self._redis_url)


def register(app: Celery, config: Settings) -> None:
    """Add the task to the application."""
    # Only this task has a backend: one of the application would store the result of every task.
    backend = _Backend(app=app, url="redis://", expires=KEPT_SECONDS, redis_url=config.redis_url)

    @app.task(name=TASK, shared=False, ignore_result=False, backend=backend)  # type: ignore[untyped-decorator]  # Celery has no types
    def models() -> list[dict[str, Any]]:
        """Every model of every host, as the workers last reported."""
        return [wire_object(model) for model in worker_of(app).queue.models()]


@inspect_command(name="llamaq_status")  # type: ignore[untyped-decorator]  # Celery has no types
def status(state: Any) -> dict[str, Any]:
    """Host, slots, circuit, models and running jobs of each worker."""
    return worker_of(state.app).status()
