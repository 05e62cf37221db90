"""A queue that is closed while a call is under way."""

import asyncio

import pytest
import redis

from llamaq import AsyncJobQueue, BrokerUnavailable, JobQueue

LOST = redis.ConnectionError("Connection reset by peer")
"""As the call gets it: by the text alone, a server with TLS might have closed the connection."""


def test_a_call_that_is_cut_off_by_close_says_so() -> None:
    """Nothing is wrong with the address, which the error of a lost connection names otherwise."""

    def cut_off() -> None:
        queue = JobQueue("redis://127.0.0.1:1/0")
        with queue._connection.verb():
            queue.close()
            raise LOST

    with pytest.raises(BrokerUnavailable, match="the queue was closed during the call"):
        cut_off()


def test_so_does_an_asyncio_queue() -> None:
    """For the loop that closes it."""

    async def cut_off() -> None:
        queue = AsyncJobQueue("redis://127.0.0.1:1/0")
        async with queue._connection.verb():
            await queue.aclose()
            raise LOST

    with pytest.raises(BrokerUnavailable, match="the queue was closed during the call"):
        asyncio.run(cut_off())


def test_a_close_that_is_cancelled_closes_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it waits for the task of the subscriptions: the connections of the calls are closed even so."""
    closed: list[str] = []

    async def cancelled() -> None:
        queue = AsyncJobQueue("redis://127.0.0.1:1/0")

        async def wait() -> None:
            await asyncio.Event().wait()

        async def close() -> None:
            closed.append("client")

        monkeypatch.setattr(queue._connection._hubs, "aclose", wait)
        monkeypatch.setattr(queue._connection._client(), "aclose", close)
        closing = asyncio.create_task(queue.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing

    asyncio.run(cancelled())
    assert closed == ["client"]
