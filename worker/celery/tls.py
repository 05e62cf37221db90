"""TLS of Celery's connections to Redis."""

import ssl
from typing import Any
from urllib.parse import parse_qs, urlsplit


def verified(redis_url: str) -> dict[str, Any]:
    """Celery's settings that verify the server's certificate; kombu does not by default, unlike redis-py."""
    parts = urlsplit(redis_url)
    if parts.scheme != "rediss":
        return {}
    # The URL names the authority too, but Flower reads it only from this setting.
    authority = {name: values[-1] for name, values in parse_qs(parts.query).items() if name == "ssl_ca_certs"}
    return {"broker_use_ssl": {"ssl_cert_reqs": ssl.CERT_REQUIRED, **authority}}
