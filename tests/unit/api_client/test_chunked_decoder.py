"""A chunked body is decoded the same however its bytes are cut, and anything else is refused."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import ProtocolError

from api_client.body.chunked_decoder import MOST_LINE_BYTES, ChunkedDecoder

ENDS = st.sampled_from([b"0\r\n\r\n", b"000;last\r\n\r\n", b"0\r\nServer-Timing: a\r\nB: c\r\n\r\n", b"0\n\n"])


def decode(data: bytes, cuts: list[int]) -> tuple[bytes, bool]:
    decoder = ChunkedDecoder()
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    body = b"".join(piece for start, end in itertools.pairwise(edges) for piece in decoder.feed(data[start:end]))
    return body, decoder.ended


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    st.lists(st.integers(0, 10_000), max_size=12),
    ENDS,
    st.sampled_from([b"%x\r\n", b"%X\r\n", b"00%x\r\n", b"%x;name=value\r\n", b"%x \r\n", b"%x\n"]),
)
def test_any_cut_gives_the_same_body(pieces: list[bytes], cuts: list[int], end: bytes, size: bytes) -> None:
    """With extensions, trailers, upper case and lone newlines, which urllib3 takes too."""
    data = b"".join(size % len(piece) + piece + b"\r\n" for piece in pieces) + end
    assert decode(data, cuts) == (b"".join(pieces), True)


def test_a_body_without_its_end_has_not_ended() -> None:
    """The parts that came are given, and the end is missed."""
    assert decode(b"3\r\nabc\r\n", []) == (b"abc", False)
    assert decode(b"5\r\nabc", []) == (b"abc", False)


@pytest.mark.parametrize(
    "data",
    [b"x\r\n", b"\r\n", b"-1\r\n", b"+1\r\n", b"0x1\r\n", b"1_0\r\n", b"1\r\nab\r\n", b"HTTP/1.1 200 OK\r\n"],
)
def test_what_is_not_in_this_coding_is_refused(data: bytes) -> None:
    """Forms that `int` would take, and a chunk that is longer than it says."""
    with pytest.raises(ProtocolError):
        decode(data, [])


def test_a_line_without_end_is_refused() -> None:
    """A host cannot fill the memory with the size of a chunk."""
    with pytest.raises(ProtocolError, match="too long"):
        decode(b"1" * (MOST_LINE_BYTES + 1), [100, 1000])
