"""What is wrong with a text that is no JSON, in the words of Go's `encoding/json`."""

import string
from collections.abc import Callable

from ollama_api.encoding import quote

_BLANK = b" \t\r\n"
_LITERALS = {ord("t"): b"true", ord("f"): b"false", ord("n"): b"null"}
_DIGITS = string.digits.encode()
_HEX_DIGITS = string.hexdigits.encode()
_ESCAPES = b'bfnrt\\/"'
_CUT = "unexpected EOF"
_OPEN, _CLOSED = b"{[", {ord("{"): ord("}"), ord("["): ord("]")}
_AFTER = {ord("{"): "after object key:value pair", ord("["): "after array element"}


class _Wrong(Exception):
    """The text of the exception is the message."""


def find_problem(data: bytes) -> str:
    """The message for the first value in the text; empty where that is JSON."""
    try:
        _Scanner(data).scan_value()
    except _Wrong as wrong:
        return str(wrong)
    return ""


class _Scanner:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def scan_value(self) -> None:
        """Scan the first value, and nothing behind it."""
        open_ones: list[int] = []
        step: Callable[[list[int]], bool] = self._scan_beginning
        while True:
            ended = step(open_ones)
            if ended and not open_ones:
                return
            step = self._scan_next if ended else self._next_step(open_ones)

    def _next_step(self, open_ones: list[int]) -> Callable[[list[int]], bool]:
        return self._scan_first_key if open_ones[-1] == ord("{") else self._scan_first_item

    def _scan_beginning(self, open_ones: list[int]) -> bool:
        """Read the beginning of a value; returns whether it has ended."""
        char = self._next_char()
        if char in _OPEN:
            self._at += 1
            open_ones.append(char)
            return False
        if char == ord('"'):
            self._at += 1
            self._scan_string()
        elif char == ord("-") or char in _DIGITS:
            self._scan_number()
        elif char in _LITERALS:
            self._scan_literal(_LITERALS[char])
        else:
            self._refuse("looking for beginning of value")
        return True

    def _scan_first_item(self, open_ones: list[int]) -> bool:
        return self._close(open_ones) or self._scan_beginning(open_ones)

    def _scan_first_key(self, open_ones: list[int]) -> bool:
        return self._close(open_ones) or self._scan_key(open_ones)

    def _scan_key(self, open_ones: list[int]) -> bool:
        if self._next_char() != ord('"'):
            self._refuse("looking for beginning of object key string")
        self._at += 1
        self._scan_string()
        if self._next_char() != ord(":"):
            self._refuse("after object key")
        self._at += 1
        return self._scan_beginning(open_ones)

    def _scan_next(self, open_ones: list[int]) -> bool:
        if self._next_char() == ord(","):
            self._at += 1
            return self._scan_key(open_ones) if open_ones[-1] == ord("{") else self._scan_beginning(open_ones)
        if not self._close(open_ones):
            self._refuse(_AFTER[open_ones[-1]])
        return True

    def _close(self, open_ones: list[int]) -> bool:
        if self._next_char() != _CLOSED[open_ones[-1]]:
            return False
        self._at += 1
        open_ones.pop()
        return True

    def _scan_string(self) -> None:
        while (char := self._char()) != ord('"'):
            if char < ord(" "):
                self._refuse("in string literal")
            self._at += 1
            if char == ord("\\"):
                self._scan_escape()
        self._at += 1

    def _scan_escape(self) -> None:
        char = self._char()
        if char == ord("u"):
            for _ in range(4):
                self._at += 1
                if self._char() not in _HEX_DIGITS:
                    self._refuse("in \\u hexadecimal character escape")
        elif char not in _ESCAPES:
            self._refuse("in string escape code")
        self._at += 1

    def _scan_number(self) -> None:
        if self._char() == ord("-"):
            self._at += 1
            self._require_digit("in numeric literal")
        if self._char() == ord("0"):
            self._at += 1
        else:
            self._skip_digits()
        if self._peek() == ord("."):
            self._at += 1
            self._require_digit("after decimal point in numeric literal")
            self._skip_digits()
        if self._peek() in b"eE":
            self._at += 1
            if self._char() in b"+-":
                self._at += 1
            self._require_digit("in exponent of numeric literal")
            self._skip_digits()

    def _require_digit(self, where: str) -> None:
        if self._char() not in _DIGITS:
            self._refuse(where)

    def _skip_digits(self) -> None:
        while self._peek() in _DIGITS:
            self._at += 1

    def _scan_literal(self, literal: bytes) -> None:
        for wanted in literal:
            if self._char() != wanted:
                self._refuse(f"in literal {literal.decode()} (expecting {_describe_byte(wanted)})")
            self._at += 1

    def _next_char(self) -> int:
        while self._char() in _BLANK:
            self._at += 1
        return self._char()

    def _char(self) -> int:
        if self._at >= len(self._data):
            raise _Wrong(_CUT)
        return self._data[self._at]

    def _peek(self) -> int:
        """The current byte; at the end of the text a blank, which no number has."""
        return self._data[self._at] if self._at < len(self._data) else ord(" ")

    def _refuse(self, where: str) -> None:
        raise _Wrong(f"invalid character {_describe_byte(self._char())} {where}")


def _describe_byte(byte: int) -> str:
    """Describe a byte as Go shows it."""
    if byte == ord("'"):
        return r"'\''"
    return "'\"'" if byte == ord('"') else f"'{quote(chr(byte))[1:-1]}'"
