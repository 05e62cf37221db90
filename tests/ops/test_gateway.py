"""The gateway of docker-compose.yml, started as it says, behind nginx."""

import asyncio
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from embedded.scripted.launcher import ScriptedOllama
from llamaq.settings.declaration import default
from llamaq.settings.process import ProcessVariables
from ops.topology import compose
from ops.topology.running import Running
from ops.topology.site import Site
from tests.conftest import MODEL
from tests.service import fresh_name, wait_until
from tests.worker_process import CHECKOUT

pytestmark = [pytest.mark.xdist_group("topology"), pytest.mark.needs("nginx")]
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Hi."}], "stream": True}


@pytest.fixture(scope="module")
def trusting(topology: Site) -> ssl.SSLContext:
    """Knows the authority of the topology."""
    return ssl.create_default_context(cafile=str(topology.secrets / "ca.pem"))


@pytest.fixture
def client(topology: Site, started_gateway: Running, trusting: ssl.SSLContext) -> Iterator[httpx.Client]:
    """Comes by nginx, with the key that `ops.credentials` made."""
    key = (topology.secrets / "gateway_key").read_text()
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=topology.nginx.http_url, headers=headers, verify=trusting, timeout=60) as client:
        yield client


def test_each_piece_comes_through_at_once(client: httpx.Client, topology_host: ScriptedOllama) -> None:
    """The first one while the host holds the second; nothing is buffered or compressed."""
    gate = fresh_name()
    topology_host.script(tokens=["first", "second"], hold=gate, hold_after=1)
    with client.stream("POST", "/v1/chat/completions", json=CHAT) as answer:
        lines = answer.iter_lines()
        assert any("first" in line for line in lines)
        topology_host.release(gate)
        assert any("second" in line for line in lines)
    assert "X-Llamaq-Job" in answer.headers
    assert "Content-Encoding" not in answer.headers


def test_a_client_that_leaves_nginx_leaves_the_host(client: httpx.Client, topology_host: ScriptedOllama) -> None:
    """The job is cancelled through both."""
    gate = fresh_name()
    topology_host.script(tokens=["first", "second"], hold=gate, hold_after=1)
    with client.stream("POST", "/v1/chat/completions", json=CHAT) as answer:
        next(line for line in answer.iter_lines() if "first" in line)

    topology_host.wait(lambda stats: any(one["hung_up_at"] for one in stats["requests"]))
    job_id = answer.headers["X-Llamaq-Job"]
    wait_until(lambda: client.get(f"/jobs/{job_id}").json()["state"] == "cancelled")


def test_without_the_key_nobody_comes_in_and_the_producer_is_all_it_is(
    client: httpx.Client, topology: Site, started_gateway: Running
) -> None:
    """The rights of `llamaq-producer` suffice for each route; no secret is in a log."""
    assert client.get("/jobs", headers={"Authorization": "Bearer no"}).status_code == 401
    body = {"kind": "generate", "model": MODEL, "prompt": "planted-prompt"}
    job_id = client.post("/jobs", json=body, headers={"Prefer": "wait=30"}).json()["id"]
    for path in (
        "/jobs",
        f"/jobs/{job_id}",
        f"/jobs/{job_id}/events",
        "/models",
        "/hosts",
        "/conversations",
        "/readyz",
    ):
        assert client.get(path).status_code == 200, path
    assert client.delete(f"/jobs/{job_id}").status_code == 204
    logs = topology.nginx.process.log() + started_gateway.log()
    assert (topology.secrets / "gateway_key").read_text() not in logs
    assert "planted-prompt" not in logs


def test_keys_are_counted_with_the_rights_of_a_producer(
    client: httpx.Client, topology: Site, trusting: ssl.SSLContext
) -> None:
    """A key with a rate, added while it runs."""
    keys = topology.secrets / "gateway" / "keys"
    digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"  # of `secret`
    keys.write_text(keys.read_text() + f"rated {digest} rated - - 2\n")
    headers = {"Authorization": "Bearer secret"}

    answers = [client.get("/models", headers=headers).status_code for _ in range(3)]

    assert answers == [200, 200, 429]


@pytest.mark.parametrize(
    "sent",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_no_second_request_is_smuggled_through(
    client: httpx.Client, topology: Site, trusting: ssl.SSLContext, sent: bytes
) -> None:
    """What nginx and the gateway could cut differently gets one refusal."""

    async def ask() -> bytes:
        port = urlsplit(topology.nginx.http_url).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        hidden = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        writer.write(b"POST /jobs HTTP/1.1\r\nHost: localhost\r\n" + sent + hidden)
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        return answer

    answer = asyncio.run(ask())

    assert re.match(rb"HTTP/1.1 (400|501) ", answer)
    assert answer.count(b"HTTP/1.1 ") == 1


def test_it_has_time_to_drain_wherever_it_runs() -> None:
    """Compose, systemd and Kubernetes wait longer than the drain and ten seconds for the cancels."""
    drain = default(ProcessVariables, "drain_seconds") + 10
    assert int(compose.read_services()["gateway"]["stop_grace_period"].rstrip("s")) > drain
    unit = (CHECKOUT / "ops/systemd/llamaq-gateway.service").read_text()
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[0]) > drain
    pod, variables = _pod(CHECKOUT / "ops/kubernetes/gateway.yaml")
    pause = float(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > pause + float(variables["LLAMAQ_DRAIN_SECONDS"]) + 10


def test_the_pods_are_locked_in_and_selected_by_all() -> None:
    """As the workers are; service, autoscaler, budget and policy are for the pods that the Deployment makes."""
    file = CHECKOUT / "ops/kubernetes/gateway.yaml"
    deployment, service, scaler, budget, policy = yaml.safe_load_all(file.read_text())
    pod, _ = _pod(file)
    labels = deployment["spec"]["template"]["metadata"]["labels"]

    for selector in (
        deployment["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        budget["spec"]["selector"]["matchLabels"],
        policy["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector == labels
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    worker, _ = _pod(CHECKOUT / "ops/kubernetes/worker.yaml", 1)
    assert pod["securityContext"] == worker["securityContext"]
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["image"] == worker["containers"][0]["image"]
    assert {name: probe["httpGet"]["path"] for name, probe in container.items() if name.endswith("Probe")} == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }


def _pod(file: Path, number: int = 0) -> tuple[dict[str, Any], dict[str, str]]:
    spec = list(yaml.safe_load_all(file.read_text()))[number]["spec"]["template"]["spec"]
    variables = {one["name"]: one["value"] for one in spec["containers"][0].get("env", []) if "value" in one}
    return spec, variables
