"""What differs between threads and asyncio. `llamaq.client.aio.io` has the same names."""

import asyncio
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import ParamSpec, TypeVar

from llamaq.client.blocking.hub import HubOfProcess, ThreadInbox
from llamaq.settings.producer import Settings
from llamaq.store.clock import Clock
from llamaq.store.connections import deadline
from llamaq.store.connections.clients import connect
from llamaq.store.log_follower import LogEntry
from llamaq.store.redis_client import Client

P = ParamSpec("P")
T = TypeVar("T")


def client_source(url: str, settings: Settings) -> Callable[[], Client]:
    """Gives the one pooled client of Redis, which threads share."""
    client = connect(
        url,
        limit_seconds=settings.call_seconds,
        most=settings.max_connections,
        confirmed_on=settings.keys.confirmed(),
    )
    return lambda: client


def hub_source(client: Callable[[], Client], settings: Settings) -> HubOfProcess:
    """Gives the one hub, which threads share."""
    return HubOfProcess(client, settings)


def run_in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run it in this thread, because it blocks no event loop."""
    return work(*args, **kwargs)


def run_preparation(prepare: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Check a request."""
    return prepare(*args, **kwargs)


def pause(clock: Clock, seconds: float) -> None:
    """Wait."""
    clock.sleep(seconds)


def receive(inbox: ThreadInbox, seconds: float, take: Callable[[LogEntry], bool] | None) -> LogEntry | None:  # noqa: ARG001 - entries come in the thread of the hub
    """Receive the next entry of an inbox, or what else is the reply to `Receive`."""
    return inbox.receive(seconds)


def time_limit(seconds: float) -> AbstractContextManager[None]:
    """A context manager in whose block Redis has so many seconds; then it raises `redis.TimeoutError`."""
    if asyncio._get_running_loop() is not None:  # noqa: SLF001 - the public function raises, which costs each call
        _warn_of_the_loop()
    return deadline.time_limit(seconds)


@cache
def _warn_of_the_loop() -> None:
    warnings.warn(
        "a blocking JobQueue is used inside an event loop, which stands still meanwhile: use AsyncJobQueue there, or "
        "asyncio.to_thread",
        RuntimeWarning,
        stacklevel=2,
    )
