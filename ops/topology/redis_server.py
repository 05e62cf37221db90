"""Starts Redis with the files of ops/redis and its ACL, with or without TLS."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from embedded.redis import find_free_port
from ops.topology.rendering import render
from ops.topology.running import Running, require_program

REDIS = Path(__file__).resolve().parents[1] / "redis"


@dataclass(frozen=True, slots=True)
class LockedRedis:
    """A running Redis.

    Attributes:
        port: on 127.0.0.1; the same after a restart.
    """

    redis: Running
    port: int
    secrets: Path
    tls: bool

    def bare_url(self, user: str) -> str:
        """The URL of `llamaq-<user>` without its password."""
        if self.tls:
            ca = quote(str(self.secrets / "ca.pem"), safe="/")
            query = f"?ssl_cert_reqs=required&ssl_ca_certs={ca}"
            return f"rediss://llamaq-{user}@127.0.0.1:{self.port}/0{query}"
        return f"redis://llamaq-{user}@127.0.0.1:{self.port}/0"

    def url(self, user: str) -> str:
        """The same with its password."""
        password = (self.secrets / f"redis_{user}").read_text()
        return self.bare_url(user).replace(f"llamaq-{user}@", f"llamaq-{user}:{quote(password, safe='')}@")


def start_redis(folder: Path, secrets: Path, *, tls: bool, port: int = 0) -> LockedRedis:
    """Start a Redis with the files of ops/redis; its data is in `folder`.

    Raises:
        NotRunning: it did not start, or is not installed.
    """
    port = port or find_free_port()
    changes = {
        "bind * -::*": "bind 127.0.0.1",
        "port 6379": f"port {port}",
        "dir /data": f"dir {folder}",
        "/run/secrets": str(secrets),
    }
    file = render(REDIS / "redis.conf", folder / "redis.conf", changes)
    command = [require_program("redis-server"), str(file)]
    if tls:
        changes = {"tls-port 6379": f"tls-port {port}", "/run/secrets": str(secrets)}
        command += ["--include", str(render(REDIS / "tls.conf", folder / "tls.conf", changes))]
    return LockedRedis(Running("redis", command, folder, {}).wait_listening(port), port, secrets, tls)
