"""Serves the metrics of all processes on a port of their own."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import REGISTRY

from gateway.settings import GatewayVariables


def serve(settings: GatewayVariables) -> None:
    """Serve them in a thread of this process, where a port is set. Called before other processes are started.

    Raises:
        OSError: another process listens there, or the address is not of this machine.
    """
    if settings.metrics_port is not None:
        registry = REGISTRY if settings.gateway_processes == 1 else _build_registry()
        start_http_server(settings.metrics_port, settings.metrics_host, registry)


def _build_registry() -> CollectorRegistry:
    folder = tempfile.mkdtemp(prefix="llamaq-gateway-")
    # Only the processes to come read it: prometheus_client then counts in files of that folder.
    os.putenv("PROMETHEUS_MULTIPROC_DIR", folder)
    registry = CollectorRegistry()
    registry.register(_Living(folder))
    return registry


class _Living(MultiProcessCollector):
    """The sums over all processes, without the gauges of those that have ended."""

    def __init__(self, folder: str) -> None:
        super().__init__(None, path=folder)  # type: ignore[no-untyped-call]  # it has no types
        self._folder = Path(folder)

    def collect(self) -> Iterable[Metric]:
        for file in self._folder.glob("gauge_live*_*.db"):
            pid = int(file.stem.rpartition("_")[2])
            if not _is_alive(pid):
                mark_process_dead(pid, str(self._folder))  # type: ignore[no-untyped-call]  # as above
        found: Iterable[Metric] = super().collect()  # type: ignore[no-untyped-call]  # as above
        return found


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
