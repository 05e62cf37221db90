"""What differs between asyncio and threads. `llamaq.client.blocking.io` has the same names."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import ParamSpec, TypeVar

from llamaq.admission.light_requests import is_light
from llamaq.client.aio.hub import HubsOfLoops, TaskInbox
from llamaq.client.aio.loop_clients import LoopClients
from llamaq.settings.producer import Settings
from llamaq.store.clock import Clock
from llamaq.store.connections import deadline
from llamaq.store.log_follower import LogEntry
from llamaq.store.redis_client import AsyncClient

P = ParamSpec("P")
T = TypeVar("T")


def client_source(url: str, settings: Settings) -> Callable[[], AsyncClient]:
    """Gives the client of Redis for the running event loop."""
    return LoopClients(url, settings.call_seconds, settings.max_connections, settings.keys.confirmed()).current


def hub_source(client: Callable[[], AsyncClient], settings: Settings) -> HubsOfLoops:
    """Gives the hub of the running event loop."""
    return HubsOfLoops(client, settings)


async def run_in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run in a thread what would block the event loop."""
    return await asyncio.to_thread(work, *args, **kwargs)


async def run_preparation(prepare: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Check a request: in a thread, unless it is light."""
    return prepare(*args, **kwargs) if is_light(args) else await run_in_thread(prepare, *args, **kwargs)


async def pause(clock: Clock, seconds: float) -> None:  # noqa: ARG001 - the blocking client needs it
    """Wait."""
    await asyncio.sleep(seconds)


async def receive(inbox: TaskInbox, seconds: float, take: Callable[[LogEntry], bool] | None) -> LogEntry | None:
    """Receive the next entry of an inbox, or what else is the reply to `Receive`."""
    return await inbox.receive(seconds, take)


def time_limit(seconds: float) -> AbstractAsyncContextManager[None]:
    """A context manager in whose block Redis has so many seconds; then it raises `redis.TimeoutError`."""
    return deadline.time_limit_async(seconds)
