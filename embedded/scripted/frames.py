"""Prepares the bytes of a script's HTTP chunks, before the first one is sent."""

from collections.abc import Iterator
from itertools import islice, repeat

from embedded.engine.interface import Call, Piece
from embedded.engine.lines import encode, piece_line
from embedded.scripted.pacing import STAMP_DIGITS, Frame, Stamped
from embedded.scripted.script import Script

_HOLE = "0" * STAMP_DIGITS


def encode_chunk(data: bytes) -> bytes:
    """Encode one HTTP chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def encode_line(call: Call, piece: Piece, now: float) -> bytes:
    """Encode one NDJSON line."""
    return encode(piece_line(call, piece, now)) + b"\n"


def texts(script: Script) -> list[str]:
    """The tokens of a script."""
    if script.count is not None:
        return [script.text] * script.count
    return script.tokens if script.tokens is not None else ["Hello", " from", " the", " script", "."]


def make_pieces(script: Script) -> list[Piece]:
    """Make all pieces of the answer, in the order they are sent."""
    thinking = [Piece(thinking=token) for token in script.thinking]
    calls = [Piece(tool_calls=script.tool_calls)] if script.tool_calls else []
    said = [] if script.tool_calls and script.tokens is None and script.count is None else texts(script)
    return [*thinking, *(Piece(token) for token in said), *calls]


def make_frames(call: Call, script: Script, now: float) -> list[Frame]:
    """Make one HTTP chunk per piece. A repeated token is one object, which saves memory."""
    if script.stamp:
        before, _, after = encode_chunk(encode_line(call, Piece(_HOLE), now)).partition(_HOLE.encode())
        return [Stamped(before, after)] * len(texts(script))
    if script.count is not None and not script.thinking and not script.tool_calls:
        return list(islice(repeat(encode_chunk(encode_line(call, Piece(script.text), now))), script.count))
    return [encode_chunk(encode_line(call, piece, now)) for piece in make_pieces(script)]


def recut(body: bytes, size: int) -> Iterator[bytes]:
    """The body in HTTP chunks of `size` bytes, which may cut lines and characters."""
    return (encode_chunk(body[at : at + size]) for at in range(0, len(body), size))


def cut_at(body_lines: list[bytes], at: int) -> list[bytes]:
    """Whole chunks up to byte `at` of the body. The last one has its full length announced and ends there."""
    kept: list[bytes] = []
    for data in body_lines:
        if at >= len(data):
            kept.append(encode_chunk(data))
            at -= len(data)
            continue
        head = b"%x\r\n" % len(data)
        return [*kept, head + data[:at]]
    return kept
