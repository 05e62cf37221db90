"""Decodes a body in HTTP's chunked transfer coding (RFC 9112, section 7.1), which arrives in pieces of any size."""

from collections.abc import Iterator

from urllib3.exceptions import ProtocolError

MOST_LINE_BYTES = 65_536
"""The longest line with a size or a trailer field: urllib3's limit."""


class ChunkedDecoder:
    """The decoder of one body.

    Attributes:
        ended: whether the body is complete.
        surplus: whether bytes came after its end, which belong to nothing.
    """

    def __init__(self) -> None:
        self.ended = False
        self.surplus = False
        self._line = b""
        self._left = 0  # bytes of the chunk that are missing
        self._after = False  # the newline after a chunk is due
        self._trailers = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decode the next bytes from the connection.

        Yields:
            The parts of the body in them.

        Raises:
            ProtocolError: The bytes are not in this coding.
        """
        at, size = 0, len(data)
        while at < size and not self.ended:
            if self._left:
                piece = data[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._after = not data.startswith(b"\r\n", at)  # mostly it has come with the chunk
                    at += 0 if self._after else 2
                yield piece
                continue
            newline = data.find(b"\n", at)
            part = data[at:] if newline < 0 else data[at : newline + 1]
            self._line += part
            at += len(part)
            if len(self._line) > MOST_LINE_BYTES:
                raise ProtocolError("a line of the chunked coding is too long")
            if newline >= 0:
                line, self._line = self._line, b""
                self._read_line(line.rstrip(b"\r\n"))
        self.surplus = at < size

    def _read_line(self, line: bytes) -> None:
        if self._trailers:
            self.ended = not line
        elif self._after:
            if line:
                raise ProtocolError(f"a chunk is longer than it says: {line[:20]!r} follows")
            self._after = False
        else:
            self._left = _parse_size(line.split(b";", 1)[0].strip())
            self._trailers = not self._left


def _parse_size(digits: bytes) -> int:
    # `int` takes signs and underscores too.
    if not digits or digits.strip(b"0123456789abcdefABCDEF"):
        raise ProtocolError(f"{digits[:20]!r} is not the size of a chunk")
    return int(digits, 16)
