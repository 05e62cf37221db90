"""What only the blocking client does in its own way. `llamaq.client.aio.io` has the same names."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ParamSpec, TypeVar

from llamaq.store.clock import Clock
from llamaq.store.connection import connect as connected
from llamaq.store.redis_client import Client

P = ParamSpec("P")
T = TypeVar("T")


def connect(url: str) -> Client:
    """A pooled client of Redis."""
    return connected(url)


def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run it here: only an event loop would be held up."""
    return work(*args, **kwargs)


def pause(clock: Clock, seconds: float) -> None:
    """Wait."""
    clock.sleep(seconds)


def limited(seconds: float | None) -> AbstractContextManager[Any]:  # noqa: ARG001 - asyncio can interrupt a block
    """A block without a limit of its own: each wait in it has one."""
    return nullcontext()
