"""What only asyncio does in its own way. `llamaq.client.blocking.io` has the same names; all else is generated."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, ParamSpec, TypeVar

from llamaq.store.clock import Clock
from llamaq.store.loop_clients import client_per_loop
from llamaq.store.redis_client import AsyncClient

P = ParamSpec("P")
T = TypeVar("T")


def connect(url: str) -> AsyncClient:
    """A client of Redis that serves any number of event loops, one after the other or side by side in threads."""
    return client_per_loop(url)


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run what would hold up the event loop."""
    return await asyncio.to_thread(work, *args, **kwargs)


async def pause(clock: Clock, seconds: float) -> None:  # noqa: ARG001 - the blocking side sleeps by it
    """Wait."""
    await asyncio.sleep(seconds)


def limited(seconds: float | None) -> AbstractAsyncContextManager[Any]:
    """A block that may take so long; then it raises TimeoutError."""
    return asyncio.timeout(seconds)
