"""The models of the fleet, for callers that have Celery and not the SDK.

* `app.send_task("llamaq.models", queue="llamaq").get()`: a list of records as of `llamaq models --json`. The results of
  jobs never go through a result backend; this one does, since its caller may have no other way to read it. The
  caller's application needs the same Redis as its `backend`; the answer is kept there for a minute.
* `celery -A worker.app inspect llamaq_status`: each worker's own view of its host, from memory.
"""

import ssl
from typing import Any

from celery import Celery
from celery.backends.redis import RedisBackend
from celery.worker.control import inspect_command

from llamaq.cli.terminal.records import wire
from worker.celery.lifecycle import worker_of
from worker.settings.environment import Settings

TASK = "llamaq.models"
KEPT_SECONDS = 60


def register(app: Celery, config: Settings) -> None:
    """Add the task to the application."""
    if config.redis_url.startswith("rediss://"):
        app.conf.redis_backend_use_ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    # Only this task has a backend: one of the application would store the result of every task.
    backend = RedisBackend(app=app, url=config.redis_url, expires=KEPT_SECONDS)

    @app.task(name=TASK, ignore_result=False, backend=backend)  # type: ignore[untyped-decorator]  # Celery has no types
    def models() -> list[dict[str, Any]]:
        """Every model of every host, as the workers last reported."""
        return [wire(model) for model in worker_of(app).queue.models()]


@inspect_command(name="llamaq_status")  # type: ignore[untyped-decorator]  # Celery has no types
def status(state: Any) -> dict[str, Any]:
    """Host, slots, circuit, models and running jobs of each worker."""
    return worker_of(state.app).status()
