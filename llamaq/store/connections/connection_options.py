"""What an address says of each connection, as the options of redis-py's connections."""

from functools import cache
from typing import Any

from redis.asyncio.connection import parse_url as parse_async_url
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from llamaq.store.connections.address import Address
from llamaq.store.connections.packing import packer_option

CONNECT_SECONDS = 5.0
"""For one address of the host; less where the try has less."""


def blocking_options(target: Address, try_seconds: float) -> dict[str, Any]:
    """The options of blocking connections, without their class. redis-py tries nothing again."""
    given = {
        **parse_url(target.server_url()),  # type: ignore[no-untyped-call]  # redis-py's has no types
        "socket_connect_timeout": min(CONNECT_SECONDS, try_seconds),
        "socket_timeout": try_seconds,
        "retry": Retry(NoBackoff(), 0),
        **packer_option(),
    }
    return _complete(target, given)


def async_options(target: Address) -> dict[str, Any]:
    """As `blocking_options`, for asyncio, where `time_limit_async` ends each operation."""
    given = {
        **parse_async_url(target.server_url()),
        "socket_connect_timeout": CONNECT_SECONDS,
        # With a timeout, redis-py sends inside asyncio.wait_for, which on Python 3.11 can swallow a cancel.
        "socket_timeout": None,
        "retry": AsyncRetry(NoBackoff(), 0),
    }
    return _complete(target, given)


def _complete(target: Address, given: dict[str, Any]) -> dict[str, Any]:
    given.pop("connection_class", None)
    if not target.path:
        given["socket_keepalive"] = True
    return given | _driver_info()


@cache
def _driver_info() -> dict[str, Any]:
    """What redis-py tells Redis of itself. It would read its package's metadata again for each connection."""
    try:
        from redis.driver_info import DriverInfo  # noqa: PLC0415 - older ones have none, and read the metadata once
    except ImportError:
        return {}
    return {"driver_info": DriverInfo()}
