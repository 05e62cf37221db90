"""The resolution of Redis' name ends with the limit of the call, as all else of it does."""

import socket
import threading
from typing import Any

import pytest
import redis

from embedded.redis import EmbeddedRedis
from llamaq.store.connections.clients import connect


def test_a_resolver_that_hangs_does_not_hold_up_a_call(
    redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call ends while the resolver still hangs; once that answers, the next call works."""
    released, resolve = threading.Event(), socket.getaddrinfo

    def hanging(host: str, *rest: Any, **more: Any) -> Any:
        released.wait(60)
        return resolve("127.0.0.1", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    url = redis_server.url.replace("127.0.0.1", "redis.example")
    with connect(url, limit_seconds=0.3) as client:
        with pytest.raises(redis.TimeoutError):
            client.ping()
        assert not released.is_set()
        released.set()
    with connect(url) as client:
        assert client.ping()


def test_what_fails_in_connecting_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that there is not, with the resolver's words."""

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with (
        connect("redis://redis.example:1/0", retry=False) as client,
        pytest.raises(redis.ConnectionError, match="not known"),
    ):
        client.ping()
