"""Breaks answers on the wire."""

import socket
import struct

from tornado.iostream import IOStream

from embedded.engine.interface import Call, Piece
from embedded.engine.lines import encode
from embedded.scripted.frames import encode_chunk, encode_line
from embedded.scripted.pacing import send
from embedded.scripted.script import Script

_GARBAGE = b"<html>502 Bad Gateway</html>\n"


async def hang_up(stream: IOStream) -> None:
    """Close with FIN after all written bytes are sent, without the end of the body."""
    if stream.writing():
        await stream.write(b"")
    stream.close()


def reset(stream: IOStream) -> None:
    """Close with RST: a linger time of zero discards unsent bytes."""
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


def encode_broken_line(call: Call, now: float) -> bytes:
    """Encode a line that breaks off between the two bytes of an é."""
    data = encode_line(call, Piece("é"), now)
    return data[: data.index("é".encode()) + 1]


async def break_stream(stream: IOStream, call: Call, script: Script, now: float) -> None:
    """Apply the script's fault to an open stream. The fault "end" does nothing: the caller leaves out the last line."""
    if script.fault == "garbage":
        send(stream, encode_chunk(_GARBAGE))
    elif script.fault == "error":
        send(stream, encode_chunk(encode({"error": script.error}) + b"\n"))
    elif script.fault == "utf8":
        send(stream, encode_chunk(encode_broken_line(call, now)))
        await hang_up(stream)
    elif script.fault == "cut":
        await hang_up(stream)
    elif script.fault == "reset":
        reset(stream)


async def break_whole(stream: IOStream, script: Script, body: bytes) -> None:
    """The same for an answer that is not streamed: the connection ends before the announced length."""
    if script.fault == "garbage":
        body = _GARBAGE
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    whole = script.fault in ("garbage", "end")
    at = len(body) if whole else script.fault_at_byte if script.fault_at_byte is not None else len(body) // 2
    send(stream, head.encode() + body[:at])
    if script.fault == "reset":
        reset(stream)
    else:
        await hang_up(stream)
