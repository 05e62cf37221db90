"""Silence, full sinks and missing end marks of answers that one thread reads."""

import json
import threading
from typing import Any

import pytest

from api_client import Aborted, StallTimeout
from tests.unit.api_client.conftest import Reader
from tests.unit.api_client.reading import DONE, TOKEN, Kept, endless, one_then_silent, pushed, shared, whole
from tests.unit.api_client.scripted_server import PATIENCE_SECONDS, ScriptedServer, Visit


def test_silence_ends_an_answer() -> None:
    """The limit is that of the stream, and the error names it."""
    with ScriptedServer(one_then_silent) as server, shared(server) as client:
        with pytest.raises(StallTimeout) as caught, client.generate({}, stall_timeout_seconds=0.1) as stream:
            stream.each(Kept())
        assert caught.value.seconds == 0.1


class Filling(Kept):
    """A sink that is full after each line."""

    def take(self, chunk: dict[str, Any]) -> bool:
        self.full = True
        return super().take(chunk)


def test_a_sink_that_is_full_stops_the_host_and_no_other() -> None:
    """Nothing is read for it, so the host can send no more; silence does not end it; then it goes on."""
    sink, other = Filling(), Kept()

    def one_with_the_headers(visit: Visit) -> None:
        # The first line comes with the headers, so the thread that waits for them takes it, and hands over a full sink.
        line = json.dumps(TOKEN).encode() + b"\n"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        visit.send(head + b"%x\r\n%s\r\n" % (len(line), line))
        assert sink.came.wait(PATIENCE_SECONDS)
        while True:
            visit.line(**TOKEN)

    with ScriptedServer(one_with_the_headers, whole) as server, shared(server) as client:
        stream = client.generate({}, stall_timeout_seconds=0.2)
        reader = Reader(lambda: stream.each(sink))
        assert sink.came.wait(PATIENCE_SECONDS)
        with client.generate({}) as second:
            second.each(other)
        assert other.chunks == [TOKEN, TOKEN, DONE]
        threading.Event().wait(0.5)  # longer than the silence that is allowed
        assert sink.chunks == [TOKEN]
        sink.came.clear()
        sink.full = False
        assert sink.came.wait(PATIENCE_SECONDS)
        stream.abort()
        sink.full = False
        assert isinstance(reader.join(), Aborted)
        assert len(sink.chunks) > 1


def test_a_body_that_goes_on_is_watched_for_silence_again() -> None:
    """While its sink was full, its time of silence has passed; then the host says nothing more."""
    sink = Filling()

    def late_then_silent(visit: Visit) -> None:
        visit.begin_stream()
        threading.Event().wait(0.1)  # so that the shared reader takes the line, and not the one that waits for headers
        visit.line(**TOKEN)
        visit.wait_until_gone()

    with ScriptedServer(late_then_silent) as server, shared(server) as client:
        stream = client.generate({}, stall_timeout_seconds=1.0)
        reader = Reader(lambda: stream.each(sink))
        assert sink.came.wait(PATIENCE_SECONDS)
        threading.Event().wait(1.3)  # longer than the silence that is allowed
        sink.full = False
        assert isinstance(reader.join(), StallTimeout)


def test_an_answer_that_is_not_wanted_any_more_closes_its_connection() -> None:
    """A sink that has enough leaves the rest unread."""
    with ScriptedServer(endless) as server, shared(server) as client:
        sink = Kept(most=3)
        with client.generate({}) as stream:
            stream.each(sink)
        assert sink.chunks == [TOKEN] * 3


def test_a_body_without_end_mark_is_an_answer() -> None:
    """After the last line the end mark is awaited briefly: a host that leaves it out costs a connection, not a job."""

    def script(visit: Visit) -> None:
        visit.begin_stream()
        visit.line(**DONE)
        visit.wait_until_gone()

    with ScriptedServer(script) as server, shared(server) as client:
        assert pushed(client) == ([DONE], None)


def test_the_end_mark_is_awaited_briefly_after_a_long_answer() -> None:
    """However long the silence is that the answer itself may have."""
    sink = Kept()

    def script(visit: Visit) -> None:
        visit.begin_stream()
        visit.line(**TOKEN)
        assert sink.came.wait(PATIENCE_SECONDS)
        visit.line(**DONE)
        visit.wait_until_gone()

    with ScriptedServer(script) as server, shared(server) as client:
        stream = client.generate({}, stall_timeout_seconds=PATIENCE_SECONDS * 2)
        assert Reader(lambda: stream.each(sink)).join() is None
    assert sink.chunks == [TOKEN, DONE]
