"""What happens to the job of a client who leaves."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from starlette.requests import Request
from starlette.types import Message

from gateway.http import disconnects
from llamaq.client.aio.job import AsyncJob
from llamaq.vocabulary.errors import BrokerUnavailable, JobCancelled, JobNotFound

AWAY = BrokerUnavailable("Redis is away")


class _Job:
    """A job whose cancels go wrong in this way, one after another, and then well."""

    id = "job"

    def __init__(self, *wrong: Exception) -> None:
        self.reasons: list[str] = []
        self._wrong = list(wrong)

    async def cancel(self, reason: str) -> bool:
        self.reasons.append(reason)
        if self._wrong:
            raise self._wrong.pop(0)
        return True


class _Client:
    """A client, who leaves when the test says so."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self._messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive(self) -> Message:
        if self._messages:
            return self._messages.pop()
        await self.left.wait()
        return {"type": "http.disconnect"}


async def _within(job: _Job, block: Callable[[_Client], Awaitable[object]]) -> None:
    client = _Client()
    request = Request({"type": "http"}, client.receive)
    async with disconnects.cancel_on_disconnect(request, cast("AsyncJob[Any]", job)):
        await block(client)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses, which take no time."""
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", noted)
    return pauses


async def _leaves(client: _Client) -> None:
    client.left.set()
    for _ in range(10):  # steps of the loop, in which the disconnect is noticed
        await asyncio.sleep(0)


async def _stays(client: _Client) -> None:
    await asyncio.sleep(0)


async def _fails(client: _Client) -> None:
    raise KeyError("a fault")


async def _is_cancelled(client: _Client) -> None:
    raise JobCancelled("job", "by somebody else")


@pytest.mark.parametrize(
    ("block", "error", "cancels"),
    [(_leaves, None, 1), (_stays, None, 0), (_fails, KeyError, 1), (_is_cancelled, JobCancelled, 0)],
)
@pytest.mark.usefixtures("quick")
def test_a_job_is_cancelled_where_nobody_reads_further(
    block: Callable[[_Client], Awaitable[object]], error: type[Exception] | None, cancels: int
) -> None:
    """Its client has left, or its stream was cut; not where it was read to its end, or has ended."""
    job = _Job()

    async def run() -> None:
        if error is None:
            await _within(job, block)
        else:
            with pytest.raises(error):
                await _within(job, block)
        await disconnects.wait_for_cancels(60)

    asyncio.run(run())
    assert job.reasons == [disconnects.REASON] * cancels


def test_a_cancel_is_tried_again_while_redis_is_away(quick: list[float]) -> None:
    """Once a second; the end of the process waits for it."""
    job = _Job(AWAY, AWAY)

    async def run() -> None:
        await _within(job, _leaves)
        await disconnects.wait_for_cancels(60)

    asyncio.run(run())
    assert len(job.reasons) == 3
    assert quick.count(1) == 2


def test_a_job_that_is_gone_needs_no_cancel(quick: list[float]) -> None:
    """It is not tried again."""
    job = _Job(JobNotFound("job"))
    asyncio.run(_within(job, _leaves))
    assert (len(job.reasons), quick.count(1)) == (1, 0)


@pytest.mark.usefixtures("quick")
def test_a_cancel_that_cannot_be_made_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By the id of its job, when the time for it is over."""
    monkeypatch.setattr(disconnects, "_TRIES_SECONDS", 0)
    job = _Job(AWAY)

    async def run() -> None:
        await _within(job, _leaves)
        await disconnects.wait_for_cancels(60)

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert (len(job.reasons), "the job job of a client that left could not be cancelled" in caplog.text) == (1, True)


@pytest.mark.usefixtures("quick")
def test_what_is_not_done_at_the_end_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The process does not wait for ever."""

    async def run() -> None:
        async def ends(client: _Client) -> None:
            await disconnects.wait_for_cancels(0)

        await _within(_Job(), ends)

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert "1 jobs of streams that were cut may go on" in caplog.text
