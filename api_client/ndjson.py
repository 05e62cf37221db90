"""Parses newline-delimited JSON, which arrives in pieces of any size, into one dict per line.

This is the hot path: 64 streams of 50 tokens/s are 3,200 lines a second. So lines are split as bytes, which is safe
because no other UTF-8 character contains a newline byte. pydantic's Rust parser takes bytes, and needs a quarter of the
time of `json.loads`. `api_client.shapes.lines` says what a check of the types adds.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from api_client.errors import StreamCut, StreamError
from api_client.shapes.reading import BOM, Shape, no_object_error

# The longest expected line is a whole answer that was not streamed, with its `context`.
MAX_LINE_BYTES = 16 * 1024 * 1024


class LineSplitter:
    """Joins pieces of bytes and gives the lines they complete, in linear time however long the line."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max = max_line_bytes
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next bytes.

        Returns:
            The lines that are complete now, without their newline.

        Raises:
            StreamError: A line is longer than the limit.
        """
        lines = piece.split(b"\n")
        rest = lines.pop()
        if lines and self._parts:
            lines[0] = b"".join([*self._parts, lines[0]])
            self._parts.clear()
            self._size = 0
        if rest:
            self._keep(rest)
        return lines

    def remainder(self) -> bytes:
        """The bytes after the last newline."""
        return b"".join(self._parts)

    def _keep(self, rest: bytes) -> None:
        # Joined once at the end: adding to a bytes object would copy a 2 MB line for each of its pieces.
        self._parts.append(rest)
        self._size += len(rest)
        if self._size > self._max:
            raise StreamError(f"the server sent a line of more than {self._max} bytes")


class LineParser:
    """Parses a body as it arrives. A last line without newline counts."""

    def __init__(self, shape: Shape[dict[str, Any]], source: str, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        """Create a parser.

        Args:
            shape: Of each line.
            source: Who sends it, for errors.
            max_line_bytes: Limit for one line.
        """
        self._splitter = LineSplitter(max_line_bytes)
        self._shape = shape
        self._source = source

    def feed(self, piece: bytes) -> Iterator[dict[str, Any]]:
        """Take the next bytes, cut anywhere.

        Yields:
            One dict per line that is not blank, with the fields of its shape.

        Raises:
            UnknownShape: A field of a line has the wrong type.
            StreamError: A line is not a JSON object, or is too long.
        """
        parse = self._shape.parse
        for line in self._splitter.feed(piece):
            if line:
                try:
                    chunk = parse(line)
                except ValidationError:
                    bare = line.removeprefix(BOM)
                    if not bare.strip():
                        continue  # a lone "\r": a blank line in CRLF
                    chunk = _reread(bare, self._shape, self._source)
                yield chunk

    def finish(self) -> Iterator[dict[str, Any]]:
        """End the body.

        Yields:
            The last line, where it has no newline; raises as `feed`.

        Raises:
            StreamCut: The body ends inside a line.
            StreamError: That line does not begin as one of Ollama's.
        """
        if last := self._splitter.remainder().removeprefix(BOM).strip():
            if not last.startswith(b"{"):  # a page in place of an answer, say
                raise no_object_error(last, self._source)
            try:
                from_json(last)
            except ValueError as error:
                raise StreamCut("the stream ended in the middle of a line") from error
            yield _reread(last, self._shape, self._source)


def _reread(line: bytes, shape: Shape[dict[str, Any]], source: str) -> dict[str, Any]:
    """Read a line whose fields may be odd. One that reports an error reports it, whatever else is in it."""
    with suppress(ValueError):
        found = from_json(line)
        if isinstance(found, dict) and found.get("error") is not None:
            return {"error": found["error"]}
    return shape.read(line, source)
