"""Where the service's phases hang in Celery's: started before the consumer, drained after it and before the pool."""

from typing import Any

import structlog
from celery import Celery, bootsteps

from llamaq.store.connection import connect
from worker.celery.signals import Stopping
from worker.service import Service
from worker.settings.environment import Settings
from worker.telemetry.fleet_metrics import LOOK_SECONDS, FleetCollector
from worker.telemetry.metrics import Metrics
from worker.telemetry.metrics_server import MetricsServer, PortTaken
from worker.telemetry.tracing import NotInstalled

WRONG_SETTING = 2
"""Exit code, as for any setting that does not fit."""
_log = structlog.get_logger(__name__)


def service_of(app: Celery) -> Service:
    """The service of this process's worker.

    Raises:
        RuntimeError: a task was called outside a worker.
    """
    service: Service | None = getattr(app, "llamaq_service", None)
    if service is None:
        raise RuntimeError("the tasks of llamaq run in a worker: enqueue with the SDK, or app.send_task")
    return service


class ServiceStep(bootsteps.StartStopStep):
    """Starts and ends the service. Celery stops steps in reverse, so the consumer has stopped when this one drains."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._service: Service | None = None
        self._metrics: MetricsServer | None = None

    def start(self, parent: Any) -> None:
        """Put the service together and start its threads."""
        config = parent.app.conf.llamaq
        worker = parent.app.conf.llamaq_worker
        metrics = Metrics()
        self._metrics = _serve(metrics, config)  # first: where it cannot, nothing else has been started
        try:
            self._service = Service(config, parent.app, worker, metrics)
        except NotInstalled as error:
            _log.critical(str(error))
            raise SystemExit(WRONG_SETTING) from error
        Stopping(self._service.hurry).install()
        parent.app.llamaq_service = self._service
        self._service.start()
        _log.info("worker started", worker=worker, host=config.host, slots=config.slots)

    def close(self, parent: Any) -> None:  # noqa: ARG002 - the signature is Celery's
        """The first word of a shutdown: let placement pass this worker by."""
        if self._service is not None:
            self._service.quiet()

    def stop(self, parent: Any) -> None:
        """Drain, then end."""
        if self._service is None:
            return
        self._service.drain(parent.app.conf.llamaq.drain_seconds)
        self._service.close()
        self._service = None
        if self._metrics is not None:
            self._metrics.close()

    def terminate(self, parent: Any) -> None:
        """A hard shutdown: give everything back at once."""
        if self._service is not None:
            self._service.hurry()
            self.stop(parent)


def _serve(metrics: Metrics, config: Settings) -> MetricsServer | None:
    if config.metrics_port is None:
        return None
    # A connection of its own, so that a scrape neither waits for the jobs' writes nor holds them up.
    client = connect(config.redis_url, retries=0, timeout_seconds=LOOK_SECONDS)
    metrics.registry.register(FleetCollector(client, config.producer.keys))
    try:
        server = MetricsServer(config.metrics_host, config.metrics_port, metrics.registry)
    except PortTaken as error:
        _log.critical(str(error))
        raise SystemExit(WRONG_SETTING) from error
    _log.info("metrics are served", address=config.metrics_host, port=server.port)
    return server
