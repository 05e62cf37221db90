"""`run.py worker exporter`: serves the metrics of the fleet alone. It needs Redis, and neither a worker nor Ollama.

A fleet that was scaled to zero is woken by these figures.
"""

import signal
import sys
import threading

import structlog
from prometheus_client import CollectorRegistry

from worker.settings.environment import Settings, describe_unknown_variables
from worker.telemetry import fleet_server, logs
from worker.telemetry.metrics_server import PortTaken

DEFAULT_PORT = 9100
"""The port where LLAMAQ_METRICS_PORT is not set: this process has nothing else to do."""
WRONG_SETTING = 2
_log = structlog.get_logger(__name__)


def main(config: Settings) -> int:
    """Serve until SIGTERM or Ctrl-C; the exit code is 2 where the port cannot be bound."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    logs.configure(wanted=config.log_format)
    for remark in describe_unknown_variables():
        _log.warning(remark)
    port = DEFAULT_PORT if config.metrics_port is None else config.metrics_port
    try:
        server = fleet_server.serve(CollectorRegistry(), config, port)
    except PortTaken as error:
        sys.stderr.write(f"{error}\n")
        return WRONG_SETTING
    ended.wait()
    server.close()
    return 0
