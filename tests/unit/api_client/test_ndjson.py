"""Lines of JSON survive whatever the network does to their bytes."""

import codecs
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_client import StreamCut, StreamError
from api_client.ndjson import MAX_LINE_BYTES, LineParser, LineSplitter
from api_client.shapes.reading import Shape

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
# A line with an `error` is read in another way.
dicts = st.dictionaries(
    texts.filter("error".__ne__),
    texts | st.integers(-(2**60), 2**60) | st.booleans() | st.none() | st.lists(texts, max_size=3),
)


ANY: Shape[dict[str, Any]] = Shape(dict[str, Any])


def chunks(pieces: Iterable[bytes], max_line_bytes: int = MAX_LINE_BYTES) -> Iterator[dict[str, Any]]:
    """The chunks of a body whose lines may be any objects."""
    parser = LineParser(ANY, "a test", max_line_bytes)
    for piece in pieces:
        yield from parser.feed(piece)
    yield from parser.finish()


def split_at(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(
    st.lists(dicts, max_size=6),
    st.lists(st.integers(0, 10_000), max_size=12),
    st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\r\n\r\n"]),
    st.booleans(),
)
def test_any_split_gives_the_same_dicts(lines: list[dict[str, Any]], cuts: list[int], end: bytes, bare: bool) -> None:
    """Wherever the bytes are cut, inside a character too, with blank lines or CRLF, the dicts are the same."""
    data = b"".join(json.dumps(line, ensure_ascii=bare).encode() + end for line in lines)
    assert list(chunks(split_at(data, cuts))) == lines


@given(dicts, st.lists(st.integers(0, 10_000), max_size=5))
def test_the_last_line_needs_no_newline(line: dict[str, Any], cuts: list[int]) -> None:
    """An answer that is not streamed ends without a newline, and counts."""
    assert list(chunks(split_at(json.dumps(line).encode(), cuts))) == [line]


def test_a_two_megabyte_line_byte_by_byte_is_one_line() -> None:
    """A long line in tiny pieces is joined once: a quadratic join of 2 million pieces would run into the timeout."""
    line = b'{"context": "' + b"x" * 2_000_000 + b'"}\n'
    splitter = LineSplitter()
    found = [whole for start in range(len(line)) for whole in splitter.feed(line[start : start + 1])]
    assert found == [line[:-1]]


@pytest.mark.parametrize(
    "line", [b"<html>\n", b"[]\n", b"3\n", b'"text"\n', b"null\n", b'{"a":}\n', b"\xff\xfe\n", b"[" * 100_000 + b"\n"]
)
def test_garbage_is_a_stream_error(line: bytes) -> None:
    """A whole line that is not a JSON object is an error that says so, and no other exception."""
    with pytest.raises(StreamError, match="not a JSON object") as caught:
        list(chunks([b'{"done": false}\n', line]))
    assert not isinstance(caught.value, StreamCut)


def test_a_cut_line_is_a_cut_stream() -> None:
    """A body that ends inside a line was cut, which is worth another attempt."""
    with pytest.raises(StreamCut):
        list(chunks([b'{"response": "hel']))


@pytest.mark.parametrize("page", [b"<html><title>Log in</title></html>", b"upstream error", b"[1,"])
def test_a_page_without_newline_is_no_cut_line(page: bytes) -> None:
    """It is whole, and would come again: the error shows what it is."""
    with pytest.raises(StreamError, match="not a JSON object") as caught:
        list(chunks([page]))
    assert not isinstance(caught.value, StreamCut)


@given(dicts, st.lists(st.integers(0, 20), max_size=5), st.sampled_from([b"\n", b"\r\n", b""]))
def test_a_byte_order_mark_before_the_body_is_ignored(line: dict[str, Any], cuts: list[int], end: bytes) -> None:
    """Some proxies write one, also alone in a line."""
    data = json.dumps(line).encode() + end
    for before in (codecs.BOM_UTF8, codecs.BOM_UTF8 + b"\r\n"):
        assert list(chunks(split_at(before + data, cuts))) == [line]


@pytest.mark.parametrize("end", [b"\n\n", b""])
@pytest.mark.parametrize("first", [b'data: {"response": "a"}', b"event: message", b": ping", b"data:{}"])
def test_server_sent_events_are_named(first: bytes, end: bytes) -> None:
    """The error says who makes them, and shows the first line."""
    with pytest.raises(StreamError, match=r"Server-Sent Events .*: a proxy before it") as caught:
        list(chunks([first + end]))
    assert first[:6].decode() in str(caught.value)
    assert not isinstance(caught.value, StreamCut)


def test_a_line_beyond_the_limit_is_refused() -> None:
    """A server that never ends its line cannot fill the worker's memory."""
    endless = (b"x" * 100 for _ in iter(int, 1))
    with pytest.raises(StreamError, match="more than 1000 bytes"):
        list(chunks(endless, max_line_bytes=1000))
