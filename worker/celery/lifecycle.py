"""The worker's phases as a step of Celery's worker: started before its consumer, drained between consumer and pool."""

from functools import partial
from typing import Any

import structlog
from celery import Celery, bootsteps

from worker.celery.stop_signals import StopSignals
from worker.preflight.redis_checks import check_redis
from worker.settings import liveness_file
from worker.settings.environment import Settings, describe_unknown_variables
from worker.telemetry import fleet_server
from worker.telemetry.metrics_server import MetricsServer, PortTaken
from worker.telemetry.tracing import NotInstalled
from worker.telemetry.worker_metrics import Metrics
from worker.worker import Worker

WRONG_SETTING = 2
"""The exit code for a wrong setting."""
_log = structlog.get_logger(__name__)


def worker_of(app: Celery) -> Worker:
    """The worker of this process.

    Raises:
        RuntimeError: a task was called outside a worker.
    """
    worker: Worker | None = getattr(app, "llamaq_worker", None)
    if worker is None:
        raise RuntimeError("the tasks of llamaq run in a worker: enqueue with the SDK, or app.send_task")
    return worker


class WorkerStep(bootsteps.StartStopStep):
    """Starts and ends the worker. Celery stops steps in reverse, so the consumer has stopped when this one drains."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._worker: Worker | None = None
        self._metrics: MetricsServer | None = None

    def start(self, parent: Any) -> None:
        """Create the worker and start its threads."""
        config = parent.app.conf.llamaq
        name = parent.app.conf.llamaq_worker_name
        for remark in describe_unknown_variables():
            _log.warning(remark)
        if problem := liveness_file.find_problem(config.liveness_file):
            _log.critical(problem)
            raise SystemExit(WRONG_SETTING)
        metrics = Metrics()
        self._metrics = _serve_metrics(
            metrics, config
        )  # first: a port that is taken ends the process before anything starts
        try:
            self._worker = Worker(config, parent.app, name, metrics)
        except NotInstalled as error:
            _log.critical(str(error))
            raise SystemExit(WRONG_SETTING) from error
        log_redis_problem(config)
        StopSignals(self._worker.hurry, config.drain_seconds, partial(_wake_loop, parent.hub)).install()
        parent.app.llamaq_worker = self._worker
        self._worker.start()
        _log.info("worker started", worker=name, host=config.host, slots=config.slots)

    def close(self, parent: Any) -> None:  # noqa: ARG002 - the signature is Celery's
        """Stop the assignment of jobs to this worker: a shutdown begins."""
        if self._worker is not None:
            self._worker.quiet()

    def stop(self, parent: Any) -> None:
        """Drain, then end."""
        if self._worker is None:
            return
        self._worker.drain(parent.app.conf.llamaq.drain_seconds)
        self._worker.close()
        self._worker = None
        if self._metrics is not None:
            self._metrics.close()
        _log.info("stopped", worker=parent.app.conf.llamaq_worker_name)

    def terminate(self, parent: Any) -> None:
        """Requeue all jobs at once: a hard shutdown."""
        if self._worker is not None:
            self._worker.hurry()
            self.stop(parent)


def log_redis_problem(config: Settings) -> None:
    """Log in one line what is wrong. The worker starts all the same, since Redis may be about to come."""
    finding = next(check_redis(config))
    if finding.well is False:
        _log.error(finding.message)


def _wake_loop(loop: Any) -> None:
    """Have Celery's loop go round once; None on Windows, where Celery waits in another way."""
    if loop is not None:
        loop.call_soon(lambda: None)


def _serve_metrics(metrics: Metrics, config: Settings) -> MetricsServer | None:
    if config.metrics_port is None:
        return None
    try:
        return fleet_server.serve(metrics.registry, config, config.metrics_port)
    except PortTaken as error:
        _log.critical(str(error))
        raise SystemExit(WRONG_SETTING) from error
