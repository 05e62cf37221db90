"""Silence, full sinks and missing end marks of answers that one thread reads."""

import ssl
import threading
import time
from typing import Any

import pytest

from api_client import Aborted, StallTimeout
from api_client.body import body_reader
from api_client.body.body_reader import BodyReader
from tests.service import wait_until
from tests.unit.api_client.conftest import Reader
from tests.unit.api_client.reading import DONE, TOKEN, Kept, connect, endless, one_then_silent, push, whole
from tests.unit.api_client.scripted_server import (
    END_MARK,
    PATIENCE_SECONDS,
    STREAM_HEAD,
    ScriptedServer,
    Visit,
    chunked,
)

LIMIT_SECONDS = 2 * PATIENCE_SECONDS  # of silence. It passes only where a test says so.


def test_silence_ends_an_answer() -> None:
    """The limit is that of the stream, and the error names it."""
    with ScriptedServer(one_then_silent) as server, connect(server) as client:
        with pytest.raises(StallTimeout) as caught, client.generate({}, stall_timeout_seconds=0.1) as stream:
            stream.each(Kept())
        assert caught.value.seconds == 0.1


class Later:
    """The time of the shared reader: this machine's, so many seconds ahead."""

    seconds = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.seconds


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Lets time pass for the shared reader."""
    clock = Later()
    monkeypatch.setattr(body_reader, "monotonic", clock.monotonic)
    return clock


def let_silence_pass(reader: BodyReader, later: Later) -> None:
    """Once a body waits for its full sink, more time passes than a host may be silent, and the reader has noticed."""
    wait_until(lambda: bool(reader._paused))
    later.seconds += 2 * LIMIT_SECONDS
    wait_until(lambda: reader._check_at == float("inf"))


class Filling(Kept):
    """A sink that is full after each line."""

    def take(self, chunk: dict[str, Any]) -> bool:
        self.full = True
        return super().take(chunk)


def test_a_sink_that_is_full_stops_the_host_and_no_other(later: Later) -> None:
    """Nothing is read for it, so the host can send no more; silence does not end it; then it goes on."""
    sink, other, shared_reader, taken = Filling(), Kept(), BodyReader(), threading.Event()

    def one_with_the_headers(visit: Visit) -> None:
        # The first line comes with the headers, so the thread that waits for them takes it, and hands over a full sink.
        visit.begin_with(TOKEN)
        assert taken.wait(PATIENCE_SECONDS)
        while True:
            visit.line(**TOKEN)

    with ScriptedServer(one_with_the_headers, whole) as server, connect(server, shared_reader) as client:
        stream = client.generate({}, stall_timeout_seconds=LIMIT_SECONDS)
        waiting = Reader(lambda: stream.each(sink))
        assert sink.came.wait(PATIENCE_SECONDS)
        taken.set()
        with client.generate({}) as second:
            second.each(other)
        assert other.chunks == [TOKEN, TOKEN, DONE]
        let_silence_pass(shared_reader, later)
        assert sink.chunks == [TOKEN]
        sink.came.clear()
        sink.full = False
        assert sink.came.wait(PATIENCE_SECONDS)
        wait_until(lambda: bool(shared_reader._paused))  # it is full again
        stream.abort()
        sink.full = False
        assert isinstance(waiting.join(), Aborted)
        assert len(sink.chunks) > 1


def test_a_body_that_goes_on_is_watched_for_silence_again(later: Later) -> None:
    """While its sink was full, its time of silence has passed; then the host says nothing more."""
    sink, shared_reader = Filling(), BodyReader()
    with ScriptedServer(one_then_silent) as server, connect(server, shared_reader) as client:
        stream = client.generate({}, stall_timeout_seconds=LIMIT_SECONDS)
        waiting = Reader(lambda: stream.each(sink))
        let_silence_pass(shared_reader, later)
        sink.full = False
        wait_until(lambda: not shared_reader._paused)
        later.seconds += 2 * LIMIT_SECONDS
        assert isinstance(waiting.join(), StallTimeout)


def test_a_full_sink_leaves_no_part_of_a_tls_record_behind(server_tls: ssl.SSLContext, ca_file: str) -> None:
    """The record of the headers is longer than their buffer. When the sink has room again, nothing more comes."""
    sink, shared_reader = Filling(), BodyReader()
    lines = [TOKEN, {"response": "x" * 12_000, "done": False}, DONE]

    def script(visit: Visit) -> None:
        visit.send(STREAM_HEAD + b"".join(map(chunked, lines)) + END_MARK)
        visit.wait_until_gone()

    with ScriptedServer(script, tls=server_tls) as server, connect(server, shared_reader, ca_file=ca_file) as client:
        stream = client.generate({}, stall_timeout_seconds=LIMIT_SECONDS)
        waiting = Reader(lambda: stream.each(sink))
        wait_until(lambda: bool(shared_reader._paused) or sink.chunks == lines)
        sink.full = False
        assert waiting.join() is None
        assert sink.chunks == lines


def test_an_answer_that_is_not_wanted_any_more_closes_its_connection() -> None:
    """A sink that has enough leaves the rest unread."""
    with ScriptedServer(endless) as server, connect(server) as client:
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

    with ScriptedServer(script) as server, connect(server) as client:
        assert push(client) == ([DONE], None)


def test_the_end_mark_is_awaited_briefly_after_a_long_answer() -> None:
    """However long the silence is that the answer itself may have."""
    sink = Kept()

    def script(visit: Visit) -> None:
        visit.begin_stream()
        visit.line(**TOKEN)
        assert sink.came.wait(PATIENCE_SECONDS)
        visit.line(**DONE)
        visit.wait_until_gone()

    with ScriptedServer(script) as server, connect(server) as client:
        stream = client.generate({}, stall_timeout_seconds=PATIENCE_SECONDS * 2)
        assert Reader(lambda: stream.each(sink)).join() is None
    assert sink.chunks == [TOKEN, DONE]
