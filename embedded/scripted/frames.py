"""Prepares the bytes of a script's HTTP chunks, before the first one is sent."""

from collections.abc import Iterator
from itertools import islice, repeat

from embedded.engine.interface import Call, Piece
from embedded.engine.lines import encode, piece_line
from embedded.scripted.pacing import STAMP_DIGITS, Frame, Stamped
from embedded.scripted.script import Script

_HOLE = "0" * STAMP_DIGITS


def chunk(data: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def line(call: Call, piece: Piece, now: float) -> bytes:
    """One NDJSON line."""
    return encode(piece_line(call, piece, now)) + b"\n"


def texts(script: Script) -> list[str]:
    """The tokens of a script."""
    if script.count is not None:
        return [script.text] * script.count
    return script.tokens if script.tokens is not None else ["Hello", " from", " the", " script", "."]


def pieces(script: Script) -> list[Piece]:
    """All pieces of the answer, in the order they are sent."""
    thinking = [Piece(thinking=token) for token in script.thinking]
    calls = [Piece(tool_calls=script.tool_calls)] if script.tool_calls else []
    said = [] if script.tool_calls and script.tokens is None and script.count is None else texts(script)
    return [*thinking, *(Piece(token) for token in said), *calls]


def frames(call: Call, script: Script, now: float) -> list[Frame]:
    """One HTTP chunk per piece. A repeated token is one object, which saves memory."""
    if script.stamp:
        before, _, after = chunk(line(call, Piece(_HOLE), now)).partition(_HOLE.encode())
        return [Stamped(before, after)] * len(texts(script))
    if script.count is not None and not script.thinking and not script.tool_calls:
        return list(islice(repeat(chunk(line(call, Piece(script.text), now))), script.count))
    return [chunk(line(call, piece, now)) for piece in pieces(script)]


def recut(body: bytes, size: int) -> Iterator[bytes]:
    """The body in HTTP chunks of `size` bytes, which may cut lines and characters."""
    return (chunk(body[at : at + size]) for at in range(0, len(body), size))


def cut_at(body_lines: list[bytes], at: int) -> list[bytes]:
    """Whole chunks up to byte `at` of the body. The last one has its full length announced and ends there."""
    kept: list[bytes] = []
    for data in body_lines:
        if at >= len(data):
            kept.append(chunk(data))
            at -= len(data)
            continue
        head = b"%x\r\n" % len(data)
        return [*kept, head + data[:at]]
    return kept
