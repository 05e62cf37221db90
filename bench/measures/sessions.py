"""The time that a kept connection saves, over plain HTTP and over TLS."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import requests
import trustme

from api_client import OllamaClient
from bench.environment.services import MODEL
from bench.environment.tls_proxy import TLSProxy
from bench.figures.results import Results
from bench.figures.spread import percentile
from bench.plan import Plan
from embedded.scripted.launcher import ScriptedOllama

BODY = {"model": MODEL, "prompt": "go", "stream": True}
TIMEOUT_SECONDS = 30


def measure(plan: Plan, results: Results) -> None:
    """Measure each kind of session in turn, request by request. An answer has one token."""
    with tempfile.TemporaryDirectory() as folder, ScriptedOllama.start(slots=4) as host:
        host.script(tokens=["Hello"], times=None)
        authority = trustme.CA()
        ca_file = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(ca_file)
        with TLSProxy(authority, Path(folder), host.url) as proxy:
            _compare("http", host.url, None, plan, results)
            _compare("https", proxy.url, str(ca_file), plan, results)


def _compare(scheme: str, url: str, ca_file: str | None, plan: Plan, results: Results) -> None:
    target = f"{url}/api/generate"
    with OllamaClient(url, ca_file=ca_file) as client, requests.Session() as session:
        # Given at each call, because REQUESTS_CA_BUNDLE would override the session's own setting.
        trusted = ca_file or True
        ways: dict[str, Callable[[], object]] = {
            "unpooled": lambda: requests.post(target, json=BODY, timeout=TIMEOUT_SECONDS, verify=trusted),
            "pooled": lambda: session.post(target, json=BODY, timeout=TIMEOUT_SECONDS, verify=trusted),
            "client": lambda: list(client.generate(BODY)),
        }
        for way in ways.values():
            way()
        for _ in range(plan.rounds):
            took: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(plan.requests):
                for name, way in ways.items():
                    began = time.perf_counter()
                    way()
                    took[name].append((time.perf_counter() - began) * 1000)
            for name, values in took.items():
                results.add(f"session_{scheme}_ms", name, percentile(values, 50))
