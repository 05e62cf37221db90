"""What differs between threads and asyncio. `llamaq.client.aio.io` has the same names."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ParamSpec, TypeVar

from llamaq.store.clock import Clock
from llamaq.store.connection import connect
from llamaq.store.redis_client import Client

P = ParamSpec("P")
T = TypeVar("T")


def client_source(url: str) -> Callable[[], Client]:
    """Gives the one pooled client of Redis, which threads share."""
    client = connect(url)
    return lambda: client


def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run it in this thread, because it blocks no event loop."""
    return work(*args, **kwargs)


def pause(clock: Clock, seconds: float) -> None:
    """Wait."""
    clock.sleep(seconds)


def limited(seconds: float | None) -> AbstractContextManager[Any]:  # noqa: ARG001 - the asyncio client needs it
    """A context manager that does nothing: each wait in its block has a limit."""
    return nullcontext()
