"""The stream of a job's events, whose answer may not even begin."""

import asyncio
from collections.abc import AsyncGenerator, MutableMapping
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from gateway.access.caller import LOCAL
from gateway.http.sse import EventStream
from gateway.jobs import events as reading


def test_what_an_answer_reads_is_closed_where_it_cannot_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client has gone meanwhile: no reader of a quiet job is left."""
    closed: list[str] = []

    async def get_own_job(*_: object) -> None:
        pass

    async def quiet(*_: object, fresh: bool) -> AsyncGenerator[list[Any], None]:
        assert fresh
        try:
            await asyncio.Event().wait()
            yield []
        finally:
            closed.append("closed")

    async def gone(message: MutableMapping[str, Any]) -> None:
        raise ConnectionResetError

    async def case() -> None:
        request = Request({"type": "http", "app": SimpleNamespace(state=SimpleNamespace(draining=asyncio.Event()))})
        answer = await reading.events(request, LOCAL, "job")
        assert isinstance(answer, EventStream)
        with pytest.raises(ConnectionResetError):
            await answer.stream({}, gone)
        assert closed == ["closed"]
        assert len(asyncio.all_tasks()) == 1

    monkeypatch.setattr(reading, "get_own_job", get_own_job)
    monkeypatch.setattr(reading, "read_pieces", quiet)
    monkeypatch.setattr(reading, "PEEK_SECONDS", 0)
    asyncio.run(case())
