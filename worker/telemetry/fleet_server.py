"""Serves the metrics of the fleet, beside those of a worker or alone."""

import structlog
from prometheus_client import CollectorRegistry

from llamaq.store.connections.clients import connect
from worker.certificate_expiry import CertificateCollector
from worker.settings.environment import Settings
from worker.telemetry.fleet_metrics import SCRAPE_SECONDS, FleetCollector
from worker.telemetry.metrics_server import MetricsServer

_log = structlog.get_logger(__name__)


def serve(registry: CollectorRegistry, config: Settings, port: int) -> MetricsServer:
    """Serve the metrics of the fleet and those that are in the registry already.

    Raises:
        PortTaken: another process listens there, or the address is not of this machine.
    """
    # A connection of its own, so that a scrape neither waits for the attempts' writes nor delays them.
    client = connect(config.redis_url, retry=False, limit_seconds=SCRAPE_SECONDS)
    registry.register(FleetCollector(client, config.producer.keys))
    registry.register(CertificateCollector(config))
    server = MetricsServer(config.metrics_host, port, registry)
    _log.info("metrics are served", address=config.metrics_host, port=server.port)
    return server
