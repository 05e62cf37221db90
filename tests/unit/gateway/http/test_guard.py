"""All bodies that are being received at a time have a bound together."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from gateway.http.guard import MOST_HELD, Guard

MOST = 1000
Message = MutableMapping[str, Any]


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Client:
    """Sends a body in two parts."""

    def __init__(self, guard: Guard) -> None:
        self.second = asyncio.Event()
        self.first = asyncio.Event()
        self.answered = asyncio.Event()
        self.status = 0
        self._parts = 0
        scope = {"type": "http", "path": "/jobs", "headers": []}
        self.task = asyncio.create_task(guard(scope, self._receive, self._send))

    async def _receive(self) -> Message:
        self._parts += 1
        if self._parts > 2:
            return {"type": "http.disconnect"}
        if self._parts == 2:
            self.first.set()
            await self.second.wait()
        return {"type": "http.request", "body": b"x" * (MOST // 2), "more_body": self._parts < 2}

    async def _send(self, message: Message) -> None:
        self.status = message.get("status", self.status)
        self.answered.set()


def test_one_body_too_many_is_told_to_come_again() -> None:
    """503, and it is taken once the others are whole; nothing stays counted."""

    async def run() -> None:
        guard = Guard(_echo, hosts=(), origins=None, most_bytes=MOST, pause_seconds=60)
        clients = [_Client(guard) for _ in range(2 * MOST_HELD)]
        await asyncio.gather(*(client.first.wait() for client in clients))
        late = _Client(guard)
        await late.task
        assert late.status == 503
        for client in clients:  # one after the other: each second part has its place when the one before is whole
            client.second.set()
            await client.task
        assert [client.status for client in clients] == [503, *[200] * (2 * MOST_HELD - 1)]
        again = _Client(guard)
        again.second.set()
        await again.task
        assert again.status == 200

    asyncio.run(run())


def test_a_body_that_is_whole_counts_no_longer_while_its_answer_is_open() -> None:
    """A thousand open streams are no bodies that are being received."""

    async def run() -> None:
        ends = asyncio.Event()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            await _echo(scope, receive, send)
            await ends.wait()

        guard = Guard(slow, hosts=(), origins=None, most_bytes=MOST, pause_seconds=60)
        clients = []
        for _ in range(3 * MOST_HELD):
            clients.append(_Client(guard))
            clients[-1].second.set()
            await clients[-1].answered.wait()
        ends.set()
        assert {client.status for client in clients} == {200}
        await asyncio.gather(*(client.task for client in clients))

    asyncio.run(run())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"host", b"here:1")], 200),
        ([(b"host", b"there")], 421),
        ([(b"host", b"there"), (b"host", b"here")], 421),
        ([(b"host", b"here"), (b"origin", b"http://page")], 403),
        ([(b"host", b"here"), (b"content-length", b"1001")], 413),
    ],
)
def test_a_head_out_of_bounds_is_refused(headers: list[tuple[bytes, bytes]], status: int) -> None:
    """Of two headers with one name the first one counts."""

    async def run() -> int:
        found = list[int]()

        async def send(message: Message) -> None:
            found.extend([message["status"]] if "status" in message else [])

        async def receive() -> Message:
            return {"type": "http.request"}

        guard = Guard(_echo, hosts=["here"], origins=["http://own"], most_bytes=MOST, pause_seconds=60)
        await guard({"type": "http", "path": "/jobs", "headers": headers}, receive, send)
        return found[0]

    assert asyncio.run(run()) == status
