"""Starts nginx with the files of ops/nginx, in front of Ollama, and optionally of Flower, the gateway and Grafana."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from embedded.redis import find_free_port
from ops.topology.rendering import render
from ops.topology.running import Running, require_program

NGINX = Path(__file__).resolve().parents[1] / "nginx"
LISTEN = "listen 8443 ssl;"
LISTEN_HTTP = "listen 8444 ssl;"


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx.

    Attributes:
        url: Where it listens, with TLS.
        http_url: Where it listens for the gateway.
    """

    process: Running
    url: str
    http_url: str


def start_nginx(
    folder: Path,
    secrets: Path,
    ollama_url: str,
    flower_url: str | None = None,
    gateway_url: str | None = None,
    grafana_url: str | None = None,
) -> Nginx:
    """Start nginx with the files of ops/nginx.

    Raises:
        NotRunning: it did not start, or is not installed.
    """
    configured, port, http_port = folder / "nginx", find_free_port(), find_free_port()
    configured.mkdir()
    ollama = urlsplit(ollama_url).netloc
    render(NGINX / "ollama.conf", configured / "ollama.conf", {"ollama:11434": ollama})
    render(NGINX / "allowed_addresses.conf", configured / "allowed_addresses.conf", {})
    behind = {"flower:5555": flower_url, "gateway:11435": gateway_url, "grafana:3000": grafana_url}
    for address, url in behind.items():
        name = f"{address.partition(':')[0]}.conf"
        render(NGINX / name, configured / name, {} if url is None else {address: urlsplit(url).netloc})
    changes = {
        LISTEN_HTTP: f"listen 127.0.0.1:{http_port} ssl;",
        LISTEN: f"listen 127.0.0.1:{port} ssl;",
        "/run/secrets": str(secrets),
        "/etc/nginx": str(configured),
        "/run/nginx": str(configured),
    }
    file = render(NGINX / "nginx.conf", configured / "nginx.conf", changes)
    command = [require_program("nginx"), "-e", "stderr", "-c", str(file), "-g", "daemon off;"]
    process = Running("nginx", command, folder, {}).wait_listening(port)
    return Nginx(process, f"https://127.0.0.1:{port}", f"https://127.0.0.1:{http_port}")
