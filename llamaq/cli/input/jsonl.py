"""The two files of a run over many: what is to be done, and what came of it so far."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import click

from llamaq.extraction.schema import check_schema
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.kinds.extraction import ExtractionRequest
from llamaq.vocabulary.requests import parse

_MOST_NAMED = 10
"""Faults of the input that are named at once."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the input.

    Attributes:
        custom_id: its name, by which its result is found again.
        request: its fields, the kind included.
    """

    custom_id: str
    request: dict[str, Any]


ReadEntry = Callable[[int, Any], Entry]
"""Makes an entry of a line's number and its JSON; raises ValueError."""


class Input:
    """A file with a JSON value on each line; empty lines do not count."""

    def __init__(self, path: Path, read: ReadEntry) -> None:
        self._path = path
        self._read = read
        self._checked: Any = None

    def check(self) -> int:
        """Read all of it before anything is queued.

        Returns:
            The number of entries.

        Raises:
            click.UsageError: it cannot be read, or lines of it cannot, or their requests are not valid; the first ten
                of them by their numbers.
        """
        seen: dict[str, int] = {}
        wrong: list[str] = []
        for number, line in self._lines():
            wrong += islice(self._faults(number, line, seen), _MOST_NAMED - len(wrong))
            if len(wrong) == _MOST_NAMED:
                break
        if wrong:
            raise click.UsageError("\n".join(wrong))
        return len(seen)

    def __iter__(self) -> Iterator[Entry]:
        return (self._entry(number, line) for number, line in self._lines())

    def _faults(self, number: int, line: bytes, seen: dict[str, int]) -> Iterator[str]:
        try:
            entry = self._entry(number, line)
            self._validate(entry.request)
        except click.UsageError as error:
            yield error.message
            return
        except InvalidRequest as error:
            yield self._wrong(number, str(error)).message
        if entry.custom_id in seen:
            already = f"custom_id {entry.custom_id!r} was on line {seen[entry.custom_id]} already"
            yield self._wrong(number, already).message
        seen.setdefault(entry.custom_id, number)

    def _validate(self, request: dict[str, Any]) -> None:
        # `wait_for_model` is the queue's word, not the request's.
        asked = parse({name: value for name, value in request.items() if name != "wait_for_model"})
        # Of `extract --file` all lines share one schema, which is checked already.
        if isinstance(asked, ExtractionRequest) and request["schema"] is not self._checked:
            check_schema(asked.json_schema)
            self._checked = request["schema"]

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        try:
            with self._path.open("rb") as lines:
                yield from ((number, line) for number, line in enumerate(lines, 1) if line.strip())
        except OSError as error:
            raise click.UsageError(f"cannot read {self._path}: {error.strerror}") from error

    def _entry(self, number: int, line: bytes) -> Entry:
        try:
            return self._read(number, json.loads(line.decode("utf-8-sig")))
        except ValueError as error:
            raise self._wrong(number, str(error)) from error

    def _wrong(self, number: int, what: str) -> click.UsageError:
        return click.UsageError(f"{self._path}, line {number}: {what}")


class Output:
    """A file with a result on each line, or stdout.

    Attributes:
        done: what is in it already, by `custom_id`.
    """

    def __init__(self, path: Path | None, stdout: Callable[[str], None]) -> None:
        """Read what an earlier run has left; a last line that it did not finish is cut off.

        Raises:
            click.UsageError: the file is something else, or cannot be written.
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
        """Write one result, at once."""
        text = json.dumps(line, ensure_ascii=False)
        try:
            text.encode()
        except UnicodeEncodeError:  # half a surrogate pair, which a model may well say, and UTF-8 cannot
            text = json.dumps(line)
        self._write(text)

    def forget(self, custom_ids: set[str]) -> None:
        """Take results out of the file, whole or not at all, so that they are drawn anew."""
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
        with suppress(FileNotFoundError):
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
            found = json.loads(line)
            self.done[found["custom_id"]] = {"key": found["key"], "job_id": found["job_id"], **found}
        except (ValueError, KeyError, TypeError) as error:
            what = "is no line of results, so nothing is added to this file"
            raise click.UsageError(f"{path}, line {number}: {what}; name another one") from error
