"""The metrics of a gateway, on a port of their own."""

import re

import httpx
import pytest

from embedded.redis import EmbeddedRedis, find_free_port
from tests.contract.built import CHECKOUT
from tests.gateway_process import GatewayProcess
from tests.service import wait_until

DOCS = CHECKOUT / "docs" / "metrics.md"


def _scrape(port: int) -> str:
    return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).text


@pytest.mark.parametrize("processes", [1, 2])
def test_all_processes_are_counted_together(redis_server: EmbeddedRedis, processes: int) -> None:
    """Each request once, by its route and status, and nothing of its path; every metric of the page is there."""
    port = find_free_port()
    with GatewayProcess(redis_server.url, metrics_port=port, gateway_processes=processes) as gateway:
        for _ in range(10):
            httpx.get(f"{gateway.url}/healthz", timeout=60)
            httpx.get(f"{gateway.url}/a-planted-path", timeout=60)
        wanted = (
            'llamaq_gateway_requests_total{method="GET",route="/healthz",status="200"} 10.0',
            'llamaq_gateway_requests_total{method="GET",route="unknown",status="404"} 10.0',
            'llamaq_gateway_first_byte_seconds_count{route="/healthz"} 10.0',
        )
        wait_until(lambda: all(line in _scrape(port) for line in wanted))
        text = _scrape(port)

    assert re.search(r"^llamaq_gateway_open_requests 0.0$", text, re.MULTILINE)
    assert "planted" not in text
    shown = set(re.findall(r"^\| `(llamaq_gateway_\w+)`", DOCS.read_text("utf-8"), re.MULTILINE))
    named = {f"{name}_total" if kind == "counter" else name for name, kind in _list_types(text) if "gateway" in name}
    assert {name.replace("_total_total", "_total") for name in named} == shown


def _list_types(text: str) -> list[tuple[str, str]]:
    return [
        (name, kind)
        for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)
        if not name.endswith("_created")
    ]
