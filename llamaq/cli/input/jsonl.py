"""The two files of a run: requests and results, one JSON object a line."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import click

from llamaq.cli.input.json_input import parse_json
from llamaq.extraction.schema import check_schema
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.kinds.extraction import ExtractionRequest
from llamaq.vocabulary.requests import parse

_MOST_NAMED = 10
"""Errors of the input that are reported together."""


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One line of the input.

    Attributes:
        custom_id: the name of the request and of its result.
        request: its fields, with the kind.
    """

    custom_id: str
    request: dict[str, Any]


ReadLine = Callable[[int, Any], RequestLine]
"""Makes a request of a line's number and its JSON, or raises ValueError."""


class Input:
    """A file with a JSON value on each line. Empty lines are ignored."""

    def __init__(self, path: Path, read: ReadLine) -> None:
        self._path = path
        self._read = read
        self._checked: Any = None
        self._kept: bytes | None = None

    def check(self) -> int:
        """Read and validate the whole file, before anything is queued.

        Returns:
            The number of requests.

        Raises:
            click.UsageError: the file or a line cannot be read, or a request is not valid. The message has the first
                ten errors with their line numbers.
        """
        seen: dict[str, int] = {}
        wrong: list[str] = []
        for number, line in self._read_lines():
            wrong += islice(self._find_faults(number, line, seen), _MOST_NAMED - len(wrong))
            if len(wrong) == _MOST_NAMED:
                break
        if wrong:
            raise click.UsageError("\n".join(wrong))
        return len(seen)

    def __iter__(self) -> Iterator[RequestLine]:
        return (self._parse_line(number, line) for number, line in self._read_lines())

    def _find_faults(self, number: int, line: bytes, seen: dict[str, int]) -> Iterator[str]:
        try:
            asked = self._parse_line(number, line)
            self._validate(asked.request)
        except click.UsageError as error:
            yield error.message
            return
        except InvalidRequest as error:
            yield self._line_error(number, str(error)).message
        if asked.custom_id in seen:
            already = f"custom_id {asked.custom_id!r} was on line {seen[asked.custom_id]} already"
            yield self._line_error(number, already).message
        seen.setdefault(asked.custom_id, number)

    def _validate(self, request: dict[str, Any]) -> None:
        # `wait_for_model` is an option of the submit, and no field of a request.
        asked = parse({name: value for name, value in request.items() if name != "wait_for_model"})
        # A schema is checked once: all lines of `extract --file` have the same object.
        if isinstance(asked, ExtractionRequest) and request["schema"] is not self._checked:
            check_schema(asked.json_schema)
            self._checked = request["schema"]

    def _read_lines(self) -> Iterator[tuple[int, bytes]]:
        try:
            with self._open_file() as lines:
                yield from ((number, line) for number, line in enumerate(lines, 1) if line.strip())
        except OSError as error:
            raise click.UsageError(f"cannot read {self._path}: {error.strerror}") from error

    def _open_file(self) -> BinaryIO:
        """Open the file, which is read more than once. A pipe can be read once only, so its content is kept."""
        if self._path.is_file():
            return self._path.open("rb")
        if self._kept is None:
            self._kept = self._path.read_bytes()
        return BytesIO(self._kept)

    def _parse_line(self, number: int, line: bytes) -> RequestLine:
        try:
            return self._read(number, parse_json(line.decode("utf-8-sig")))
        except ValueError as error:
            raise self._line_error(number, str(error)) from error

    def _line_error(self, number: int, what: str) -> click.UsageError:
        return click.UsageError(f"{self._path}, line {number}: {what}")


class Output:
    """A file with a result on each line, or stdout.

    Attributes:
        done: the results in it, by `custom_id`.
    """

    def __init__(self, path: Path | None, stdout: Callable[[str], None]) -> None:
        """Read the results of an earlier run. An unfinished last line is cut off.

        Raises:
            click.UsageError: the file has other content, or cannot be written.
        """
        self._path = path
        self._write = stdout
        self._close: Callable[[], None] = lambda: None
        self.done: dict[str, dict[str, Any]] = {}
        if path is not None:
            try:
                self._open(path)
            except OSError as error:
                raise click.UsageError(f"cannot write {path}: {error.strerror}") from error

    def write(self, line: dict[str, Any]) -> None:
        """Write a result, and flush it."""
        text = json.dumps(line, ensure_ascii=False)
        try:
            text.encode()
        except UnicodeEncodeError:  # half a surrogate pair, which is not UTF-8
            text = json.dumps(line)
        self._write(text)

    def remove(self, custom_ids: set[str]) -> None:
        """Remove results from the file, which is replaced in one step."""
        if self._path is None or not custom_ids:
            return
        self.done = {name: line for name, line in self.done.items() if name not in custom_ids}
        lines = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in self.done.values())
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=self._path.parent, delete=False) as fresh:
            fresh.write(lines)
        Path(fresh.name).chmod(self._path.stat().st_mode)
        self._close()
        Path(fresh.name).replace(self._path)
        self._append_to(self._path)

    def close(self) -> None:
        """Close the file."""
        self._close()

    def _open(self, path: Path) -> None:
        if path.is_file():  # a pipe or a device has no earlier results
            self._read(path)
        self._append_to(path)

    def _append_to(self, path: Path) -> None:
        file = path.open("ab")

        def append(text: str) -> None:
            file.write(f"{text}\n".encode())
            file.flush()

        self._write, self._close = append, file.close

    def _read(self, path: Path) -> None:
        with path.open("r+b") as lines:
            whole = 0
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    os.truncate(path, whole)
                    break
                whole += len(line)
                self._keep(path, number, line)

    def _keep(self, path: Path, number: int, line: bytes) -> None:
        try:
            found = parse_json(line)
            self.done[found["custom_id"]] = {"key": found["key"], "job_id": found["job_id"], **found}
        except (ValueError, KeyError, TypeError) as error:
            what = "is no line of results, so nothing is added to this file"
            raise click.UsageError(f"{path}, line {number}: {what}; name another one") from error
