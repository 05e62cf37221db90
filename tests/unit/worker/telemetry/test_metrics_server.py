"""The port of the metrics: served while it is open, and told well when it cannot be had."""

import socket
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from worker.preflight import report
from worker.settings.environment import Settings
from worker.telemetry.metrics_server import MetricsServer, PortTaken

LOOPBACK = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server((LOOPBACK, 0)) as other:
        yield int(other.getsockname()[1])


def test_it_listens_until_it_is_closed() -> None:
    """With 0 on a free port, which another may have afterwards."""
    server = MetricsServer(LOOPBACK, 0, CollectorRegistry())
    with urllib.request.urlopen(f"http://{LOOPBACK}:{server.port}/metrics", timeout=30) as answer:
        assert answer.status == 200

    server.close()

    MetricsServer(LOOPBACK, server.port, CollectorRegistry()).close()


def test_a_taken_port_is_told_with_its_remedy(taken: int) -> None:
    """The address, what is wrong with it, and the settings to change."""
    with pytest.raises(PortTaken, match=rf"{LOOPBACK}:{taken} .*LLAMAQ_METRICS_PORT.*LLAMAQ_METRICS_HOST"):
        MetricsServer(LOOPBACK, taken, CollectorRegistry())


def test_an_address_that_is_not_ours_is_told_too() -> None:
    """A typing error in LLAMAQ_METRICS_HOST, or an address of another machine."""
    for host in ("192.0.2.1", "no such name", "a..b"):
        with pytest.raises(PortTaken, match="LLAMAQ_METRICS_HOST"):
            MetricsServer(host, 0, CollectorRegistry())


def test_the_check_looks_at_the_port(taken: int) -> None:
    """Well, or something to mind: a worker that runs already has it for good reason. Silent where no port is set."""
    (minded,) = (finding for finding in report.check(_settings(taken)) if finding.name == "metrics")
    assert minded.well is None
    assert "LLAMAQ_METRICS_PORT" in minded.message
    assert not [finding for finding in report.check(_settings(None)) if finding.name == "metrics"]


def _settings(port: int | None) -> Settings:
    nobody = "127.0.0.1:1"
    return Settings(redis_url=f"redis://{nobody}/0", ollama_url=f"http://{nobody}", metrics_port=port)
