"""The process: whether it lives, whether it can take requests, and what it refuses to start with."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from embedded.child import bind_command
from embedded.redis import EmbeddedRedis
from tests.commands import run
from tests.gateway_process import GatewayProcess
from tests.worker_process import CHECKOUT


def test_it_is_healthy_and_ready(gateway: GatewayProcess) -> None:
    """The two probes of a container."""
    assert gateway.http.get("/healthz").json() == {"status": "ok"}
    assert gateway.http.get("/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"gateway_host": "0.0.0.0"}, "LLAMAQ_GATEWAY_HOST: 0.0.0.0: without keys"),
        ({"gateway_host": "::"}, "without keys"),
        ({"gateway_keys_file": "/nowhere/keys"}, "LLAMAQ_GATEWAY_KEYS_FILE: /nowhere/keys: it is not there"),
        ({"gateway_port": "high"}, "LLAMAQ_GATEWAY_PORT: must be a whole number from 0 to 65535, not 'high'"),
        ({"redis_url": "http://x"}, "LLAMAQ_REDIS_URL"),
    ],
)
def test_a_wrong_setting_ends_it_with_one_line(settings: dict[str, str], says: str) -> None:
    """Exit code 2, and the variable with its remedy."""
    done = _run_gateway(settings)

    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["gateway", "metrics"])
def test_a_taken_port_is_named(name: str) -> None:
    """Exit code 2, as for each wrong setting, and the settings that say another one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = _run_gateway({"gateway_port": "0", f"{name}_port": str(taken.getsockname()[1])})

    assert done.returncode == 2
    assert f"LLAMAQ_{name.upper()}_PORT" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", ["gateway", "metrics"])
@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a..b"])
def test_an_address_of_another_machine_is_named(name: str, host: str, tmp_path: Path) -> None:
    """The same."""
    keys = tmp_path / "keys"
    keys.touch(mode=0o600)
    ports = {"gateway_port": "0", "metrics_port": "0"}

    done = _run_gateway({**ports, f"{name}_host": host, "gateway_keys_file": str(keys)})

    assert done.returncode == 2
    assert f"LLAMAQ_{name.upper()}_HOST" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_command_makes_a_key(tmp_path: Path) -> None:
    """`run.py gateway key add NAME` prints it, and nothing else, on its standard output."""
    done = _run_gateway({"gateway_keys_file": str(tmp_path / "keys")}, "key", "add", "web", "--rate", "60")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("llq_")
    assert len(done.stdout.splitlines()) == 1
    assert _run_gateway({}, "key", "add", "web").returncode == 1
    assert _run_gateway({}, "keys").returncode == 2
    assert "usage:" in _run_gateway({}, "--help").stdout


def test_no_process_outlives_the_one_that_started_it(redis_server: EmbeddedRedis) -> None:
    """Also where that is killed: its port is free again."""
    environment = {**os.environ, "LLAMAQ_REDIS_URL": redis_server.url, "LLAMAQ_GATEWAY_PORT": "0"}
    with subprocess.Popen(
        bind_command([sys.executable, "-m", "gateway"]),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=CHECKOUT,
        env={**environment, "LLAMAQ_GATEWAY_PROCESSES": "2"},
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().decode().strip()
            assert httpx.get(f"{url}/healthz", timeout=60).status_code == 200
            children = psutil.Process(process.pid).children()
            assert len(children) >= 2
        finally:
            process.kill()
    _, left = psutil.wait_procs(children, timeout=30)
    assert left == []


def _run_gateway(settings: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LLAMAQ_")}
    environment |= {f"LLAMAQ_{name.upper()}": value for name, value in settings.items()}
    return run([sys.executable, "-m", "gateway", *arguments], cwd=CHECKOUT, env=environment, timeout=30)
