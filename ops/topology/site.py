"""Runs docker-compose.yml as plain processes: Redis, nginx, worker, gateway, Flower, Prometheus, in front of an Ollama.

Programs and settings are those of the compose file; addresses, ports and paths are those of this machine.
"""

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from embedded.redis import find_free_port
from llamaq import JobQueue
from llamaq.settings.environment import read
from ops import credentials
from ops.topology import compose
from ops.topology.nginx import Nginx, start_nginx
from ops.topology.redis_server import LockedRedis, start_redis
from ops.topology.rendering import render
from ops.topology.running import Running, require_program

PROMETHEUS = Path(__file__).resolve().parents[1] / "prometheus"
BY_NAME = "dns_sd_configs: [{names: [worker], type: A, port: 9100, refresh_interval: 15s}]"
"""The line by which Prometheus finds all replicas, with the DNS of compose."""


class Site:
    """Starts Redis, nginx and a worker. Flower and Prometheus have their own methods.

    Attributes:
        redis: with TLS and the ACL users.
        nginx: in front of Ollama and Flower.
        worker: one replica.
        flower_url: the address of Flower; browsers use that of nginx.
        gateway_url: the address of the gateway; clients use `nginx.http_url`.
        prometheus_url: the address of Prometheus.
    """

    def __init__(self, folder: Path, ollama_url: str, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.secrets = folder / "secrets"
        self.services = compose.read_services(settings)
        self.flower_url = f"http://127.0.0.1:{find_free_port()}"
        self.gateway_url = f"http://127.0.0.1:{find_free_port()}"
        self.prometheus_url = f"http://127.0.0.1:{find_free_port()}"
        self.liveness_file = folder / "alive"
        self._metrics_port = find_free_port()
        self._stack = ExitStack()
        try:
            self._start(ollama_url)
        except BaseException:
            self._stack.close()
            raise

    redis: LockedRedis
    nginx: Nginx
    worker: Running

    def open_producer(self) -> JobQueue:
        """Open a producer configured like that of a backend: by the environment, with its password in a file."""
        password = str(self.secrets / "redis_producer")
        url, settings = read(
            {"LLAMAQ_REDIS_URL": self.redis.bare_url("producer"), "LLAMAQ_REDIS_PASSWORD_FILE": password}
        )
        return JobQueue(url, settings=settings)

    def start_worker(self, name: str = "worker") -> Running:
        """Start another replica; all but the first have their own liveness file and any free metrics port."""
        first = name == "worker"
        alive = self.liveness_file if first else self.folder / f"{name}.alive"
        own = {
            "LLAMAQ_LIVENESS_FILE": str(alive),
            "LLAMAQ_METRICS_PORT": str(self._metrics_port if first else find_free_port()),
            "LLAMAQ_METRICS_HOST": "127.0.0.1",
        }
        worker = self._run(name, "worker", [], {"nginx:8443": urlsplit(self.nginx.url).netloc}, own)
        return worker.wait_until(alive.exists)

    def _start(self, ollama_url: str) -> None:
        credentials.make_files(self.secrets)
        data = self.folder / "redis"
        data.mkdir()
        self.redis = start_redis(data, self.secrets, tls=True)
        self._stack.enter_context(self.redis.redis)
        self.nginx = start_nginx(self.folder, self.secrets, ollama_url, self.flower_url, self.gateway_url)
        self._stack.enter_context(self.nginx.process)
        self.worker = self.start_worker()

    def start_flower(self) -> Running:
        """Start Flower, behind nginx."""
        port = urlsplit(self.flower_url).port or 0
        return self._run("flower", "flower", [f"--port={port}", "--address=127.0.0.1"], {}, {}).wait_listening(port)

    def start_gateway(self) -> Running:
        """Start the gateway, behind nginx."""
        port = urlsplit(self.gateway_url).port or 0
        own = {
            "LLAMAQ_GATEWAY_HOST": "127.0.0.1",
            "LLAMAQ_GATEWAY_PORT": str(port),
            "LLAMAQ_METRICS_PORT": str(find_free_port()),
            "LLAMAQ_METRICS_HOST": "127.0.0.1",
        }
        keys = {"/run/gateway": str(self.secrets / "gateway")}
        return self._run("gateway", "gateway", [], keys, own).wait_listening(port)

    def start_prometheus(self, scrape_seconds: int = 15) -> Running:
        """Start Prometheus with this scrape interval, and its data in the folder of the site."""
        configured = self.folder / "prometheus"
        configured.mkdir()
        static = f'static_configs: [{{targets: ["127.0.0.1:{self._metrics_port}"]}}]'
        port = urlsplit(self.prometheus_url).port or 0
        target = {BY_NAME: static, "127.0.0.1:9090": f"127.0.0.1:{port}", "/etc/prometheus": str(configured)}
        target |= {
            "interval: 15s": f"interval: {scrape_seconds}s",
            "timeout: 10s": f"timeout: {min(scrape_seconds, 10)}s",
        }
        render(PROMETHEUS / "prometheus.yml", configured / "prometheus.yml", target)
        render(PROMETHEUS / "alerts.yml", configured / "alerts.yml", {})
        given = [word.replace("/etc/prometheus", str(configured)) for word in self.services["prometheus"]["command"]]
        given = [word.replace("=/prometheus", f"={configured}/data") for word in given]
        command = [require_program("prometheus"), *given, f"--web.listen-address=127.0.0.1:{port}"]
        prometheus = Running("prometheus", command, self.folder, {})
        self._stack.enter_context(prometheus)
        return prometheus.wait_listening(port)

    def _run(
        self, name: str, service: str, more: Sequence[str], changes: Mapping[str, str], own: Mapping[str, str]
    ) -> Running:
        described = self.services[service]
        common = {"redis:6379": f"127.0.0.1:{self.redis.port}", "/run/secrets": str(self.secrets)}
        environment = {**compose.make_environment(described, {**common, **changes}), **own}
        words = [sys.executable if word == "python" else word for word in described["command"]]
        running = Running(name, [*words, *more], self.folder, environment)
        return self._stack.enter_context(running)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
