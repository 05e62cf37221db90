"""Reads when the certificates of Redis and Ollama expire."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from llamaq.store.clock import SYSTEM, Clock
from llamaq.store.connections.address import parse_url
from worker.settings.environment import Settings

LOOK_SECONDS = 3
DAY_SECONDS = 86_400
MINUTE_SECONDS, HOUR_SECONDS = 60, 3600
WARN_DAYS = 30


class Peer(NamedTuple):
    """A server that is reached by TLS: `what` is `redis` or `ollama`."""

    what: str
    host: str
    port: int
    cafile: str | None
    capath: str | None = None


def find_peers(config: Settings) -> Iterator[Peer]:
    """Find the servers that the settings reach by TLS: Redis or each Sentinel, and Ollama."""
    redis = parse_url(config.redis_url)
    if redis.tls:
        authority = (redis.options.get("ssl_ca_certs"), redis.options.get("ssl_ca_path"))
        yield from (Peer("redis", host, port, *authority) for host, port in redis.servers)
    ollama = urlsplit(config.ollama_url)
    if ollama.scheme == "https" and ollama.hostname:
        yield Peer("ollama", ollama.hostname, ollama.port or 443, config.ollama_ca_file)


def days_left(config: Settings, clock: Clock = SYSTEM) -> dict[str, float]:
    """Days until a certificate of `redis` or `ollama` expires: the server's, or that of the authority in the settings.

    A server that cannot be reached or verified is left out: other checks and metrics report it.
    """
    found: dict[str, float] = {}
    for peer in find_peers(config):
        with suppress(OSError):  # also ssl.SSLError
            found[peer.what] = min(_count_days(peer, clock), found.get(peer.what, float("inf")))
    return found


def _count_days(peer: Peer, clock: Clock) -> float:
    context = ssl.create_default_context(cafile=peer.cafile, capath=peer.capath)
    context.check_hostname = False  # the real connections check the name
    with (
        socket.create_connection((peer.host.strip("[]"), peer.port), LOOK_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=peer.host.strip("[]")) as connection,
    ):
        ends = [_read_expiry(connection.getpeercert() or {})]
    if peer.cafile:
        # Of several in the file, one that is still valid is enough.
        ends.append(max(_read_expiry(each) for each in context.get_ca_certs()))
    return (min(ends) - clock.time()) / DAY_SECONDS


def _read_expiry(certificate: dict[str, Any]) -> float:
    return ssl.cert_time_to_seconds(certificate["notAfter"])


class CertificateCollector(Collector):
    """`llamaq_certificate_days`. It connects once an hour, in the thread of a scrape; after a failure once a minute."""

    def __init__(self, config: Settings, clock: Clock = SYSTEM) -> None:
        self._config, self._clock = config, clock
        self._next_look = -float("inf")
        self._found: dict[str, float] = {}

    def describe(self) -> list[Metric]:
        """Return nothing, so that registering the collector connects to nobody."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the one family."""
        if self._clock.monotonic() > self._next_look:
            # Without TLS nothing ends.
            tls = {peer.what for peer in find_peers(self._config)}
            self._found = {what: float("inf") for what in ("redis", "ollama") if what not in tls}
            self._found |= days_left(self._config, self._clock)
            again = HOUR_SECONDS if tls <= self._found.keys() else MINUTE_SECONDS
            self._next_look = self._clock.monotonic() + again
        family = GaugeMetricFamily("llamaq_certificate_days", "Days until a certificate ends.", labels=["server"])
        for server, days in self._found.items():
            family.add_metric([server], days)
        yield family
