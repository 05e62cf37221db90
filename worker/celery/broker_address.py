"""The address of Redis as Celery and kombu take it."""

import ssl
from typing import Any
from urllib.parse import quote

from llamaq.store.connections.address import Address, parse_url


def celery_settings(redis_url: str) -> dict[str, Any]:
    """Celery's settings of the broker. With TLS the certificate is verified, which kombu does not do by default."""
    target = parse_url(redis_url)
    tls = {"broker_use_ssl": {"ssl_cert_reqs": ssl.CERT_REQUIRED}} if target.tls else {}
    return {"broker_url": kombu_url(target), **tls}


def kombu_url(target: Address) -> str:
    """Make kombu's address. With Sentinels it has the first alone: `transport.SentinelTransport` knows the others."""
    plain = target._replace(options={name: value for name, value in target.options.items() if name != "client_name"})
    if target.path:
        account = quote(target.user, safe="") + (f":{quote(target.password, safe='')}" if target.password else "")
        place = f"{account}@" if account else ""
        return f"redis+socket://{place}{quote(target.path)}?virtual_host={target.database}"
    scheme, _, rest = plain.server_url().partition("://")
    return f"{'sentinel' if target.master else scheme}://{rest}"
