"""What differs between asyncio and threads. `llamaq.client.blocking.io` has the same names."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, ParamSpec, TypeVar

from llamaq.store.clock import Clock
from llamaq.store.loop_clients import LoopClients
from llamaq.store.redis_client import AsyncClient

P = ParamSpec("P")
T = TypeVar("T")


def client_source(url: str) -> Callable[[], AsyncClient]:
    """Gives the client of Redis for the running event loop."""
    return LoopClients(url).current


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run in a thread what would block the event loop."""
    return await asyncio.to_thread(work, *args, **kwargs)


async def pause(clock: Clock, seconds: float) -> None:  # noqa: ARG001 - the blocking client needs it
    """Wait."""
    await asyncio.sleep(seconds)


def limited(seconds: float | None) -> AbstractAsyncContextManager[Any]:
    """A context manager that raises TimeoutError in its block after so many seconds."""
    return asyncio.timeout(seconds)
