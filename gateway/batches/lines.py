"""The lines of a batch: what each asks for, and what is wrong with the file as a whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway.http.json_body import decode_json
from llamaq.vocabulary.wire import JsonObject

MOST_LINES = 50_000
MOST_PROBLEMS = 100
"""The most problems that a batch lists; further ones are left out."""
_MOST_ID = 512


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `number` counts from 1, with blank lines."""

    number: int
    custom_id: str
    body: JsonObject


class _Wrong(Exception):
    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


class LineReader:
    """Reads the lines of a file, piece by piece.

    Attributes:
        total: the lines so far that are not blank.
        number: of the last line, with blank lines.
        problems: what is wrong, in OpenAI's form.
    """

    def __init__(self, endpoint: str) -> None:
        self.total = 0
        self.number = 0
        self.problems: list[JsonObject] = []
        self._endpoint = endpoint
        self._ids: set[str] = set()

    def read_piece(self, piece: str) -> Iterator[Line]:
        """Read the lines of the next piece, without those that are wrong."""
        texts = piece.split("\n")
        if not texts[-1]:
            texts.pop()
        for text in texts:
            self.number += 1
            stripped = text.removeprefix("\ufeff").strip() if self.number == 1 else text.strip()
            if not stripped:
                continue
            self.total += 1
            try:
                yield self._parse_line(stripped)
            except _Wrong as wrong:
                self._add_problem(wrong, self.number)

    def finish(self) -> None:
        """Check the number of lines, once the whole file is read."""
        if not self.total:
            self._add_problem(_Wrong("empty_file", "the file has no lines"), None)
        if self.total > MOST_LINES:
            what = f"{self.total} lines are more than {MOST_LINES}: split the file"
            self._add_problem(_Wrong("too_many_requests", what), None)

    def _parse_line(self, text: str) -> Line:
        try:
            given = decode_json(text)
        except ValueError as error:
            raise _Wrong("invalid_json_line", f"This line is not parseable as valid JSON: {error}") from None
        if not isinstance(given, dict):
            raise _Wrong("invalid_json_line", "This line is no JSON object.")
        custom_id = self._check_custom_id(given.get("custom_id"))
        if given.get("method", "POST") != "POST":
            raise _Wrong("invalid_method", "the method is POST", "method")
        if given.get("url") != self._endpoint:
            raise _Wrong("mismatched_endpoint", f"the url of each line has to be {self._endpoint}", "url")
        body = given.get("body")
        if not isinstance(body, dict):
            raise _Wrong("missing_required_parameter", "give the request as an object", "body")
        return Line(self.number, custom_id, body)

    def _check_custom_id(self, given: Any) -> str:
        if given is None:
            raise _Wrong("missing_required_parameter", "it is missing: a name of the line, of your own", "custom_id")
        if not isinstance(given, str) or not 0 < len(given) <= _MOST_ID:
            raise _Wrong("invalid_value", f"give a text of 1 to {_MOST_ID} characters", "custom_id")
        if given in self._ids:
            raise _Wrong("duplicate_custom_id", f"another line has the custom_id {given!r}", "custom_id")
        self._ids.add(given)
        return given

    def _add_problem(self, wrong: _Wrong, line: int | None) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append({"code": wrong.code, "line": line, "message": str(wrong), "param": wrong.param})
