"""The process: whether it lives, and whether it can take requests."""

from tests.gateway_process import GatewayProcess


def test_it_is_healthy_and_ready(gateway: GatewayProcess) -> None:
    """The two probes of a container."""
    assert gateway.http.get("/healthz").json() == {"status": "ok"}
    assert gateway.http.get("/readyz").json() == {"status": "ready"}
