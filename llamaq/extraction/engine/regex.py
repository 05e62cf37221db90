"""Reads the pattern of a JSON Schema (ECMA 262) into a tree.

Assertions that no grammar has are left out, and `Pattern.exact` is false then: the tree matches more than the pattern.
"""

import re
from dataclasses import dataclass

LAST = 0x10FFFF
DEEPEST = 40
"""Groups in groups. Patterns that people write have a few."""
Ranges = tuple[tuple[int, int], ...]
"""Characters: first and last of each range, in order and without overlaps."""


class Unreadable(Exception):
    """The pattern is not one that this module reads."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a set."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Seq:
    """One after another."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Alt:
    """One of several."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`least` to `most` times; None sets no limit."""

    part: "Node"
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Edge:
    """`^` or `$`."""

    start: bool


Node = Chars | Seq | Alt | Repeat | Edge
EMPTY = Seq(())
ALL = Chars(((0, LAST),))
ANYTHING = Repeat(ALL, 0, None)


def invert(ranges: Ranges) -> Ranges:
    """All other characters."""
    found, begin = [], 0
    for first, last in ranges:
        if begin < first:
            found.append((begin, first - 1))
        begin = last + 1
    return (*found, (begin, LAST)) if begin <= LAST else tuple(found)


def unite(ranges: list[tuple[int, int]]) -> Ranges:
    """Unite the ranges."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


def _ranges_of(text: str) -> Ranges:
    return unite([(ord(char), ord(char)) for char in text])


_DIGIT: Ranges = ((48, 57),)
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE = unite([*_ranges_of(" \t\n\v\f\r\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff"), (0x2000, 0x200A)])
_DOT = invert(_ranges_of("\n"))
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE} | {
    name: invert(ranges) for name, ranges in (("D", _DIGIT), ("W", _WORD), ("S", _SPACE))
}
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_HEX = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}")
_COUNT = re.compile(r"\{(\d{1,9})(?:(,)(\d{0,9}))?\}")
_GROUP = re.compile(r"\((?:(\?<?[=!])|\?:|\?P?<[A-Za-z_]\w*>|(?!\?))")
_BACK = re.compile(r"[1-9]\d*|k<\w+>")
_PROPERTY = re.compile(r"[pP]\{[^}]*\}")


class Pattern:
    """A pattern as a tree.

    Attributes:
        tree: what it matches somewhere in a text.
        exact: whether nothing of it was left out.

    Raises:
        Unreadable: it has flags, is nested deeper than `DEEPEST` groups, or is no pattern.
    """

    def __init__(self, text: str) -> None:
        self.exact = True
        self._text = text
        self._at = 0
        self.tree = self._parse_alternatives(0)
        if self._at < len(text):
            raise Unreadable

    def _parse_alternatives(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise Unreadable
        branches = [self._parse_sequence(depth)]
        while self._take("|"):
            branches.append(self._parse_sequence(depth))
        return branches[0] if len(branches) == 1 else Alt(tuple(branches))

    def _parse_sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            part = self._parse_atom(depth)
            while (counts := self._parse_counts()) is not None:
                part = EMPTY if isinstance(part, Edge) else Repeat(part, *counts)
            parts.append(part)
        return parts[0] if len(parts) == 1 else Seq(tuple(parts))

    def _parse_atom(self, depth: int) -> Node:
        char = self._text[self._at]
        if group := _GROUP.match(self._text, self._at):
            return self._parse_group(group, depth)
        self._at += 1
        match char:
            case "^" | "$":
                return Edge(start=char == "^")
            case ".":
                return Chars(_DOT)
            case "[":
                return Chars(self._parse_class())
            case "\\":
                return self._parse_escape()
            case "(" | "*" | "+" | "?" | "{":
                raise Unreadable
        return Chars(_ranges_of(char))

    def _parse_group(self, opening: re.Match[str], depth: int) -> Node:
        self._at = opening.end()
        inside = self._parse_alternatives(depth + 1)
        if not self._take(")"):
            raise Unreadable
        if opening[1]:  # it looks around
            self.exact = False
            return EMPTY
        return inside

    def _parse_counts(self) -> tuple[int, int | None] | None:
        char = self._text[self._at : self._at + 1]
        if counted := _COUNT.match(self._text, self._at):
            self._at = counted.end()
            most = int(counted[3]) if counted[3] else None
            found = int(counted[1]), most if counted[2] else int(counted[1])
        elif char in ("*", "+", "?"):
            self._at += 1
            found = int(char == "+"), 1 if char == "?" else None
        else:
            return None
        self._take("?")  # lazy: it matches the same texts
        return found

    def _parse_escape(self) -> Node:
        if back := _BACK.match(self._text, self._at):
            self._at = back.end()
            self.exact = False
            return ANYTHING
        if self._take("b") or self._take("B"):
            self.exact = False
            return EMPTY
        return Chars(self._parse_escaped())

    def _parse_escaped(self) -> Ranges:
        """Parse the characters of the escape behind a backslash, in a class or outside."""
        char = self._text[self._at : self._at + 1]
        if coded := _HEX.match(self._text, self._at):
            self._at = coded.end()
            code = int(coded[1] or coded[2] or coded[3], 16)
            if code > LAST or 0xD800 <= code <= 0xDFFF:
                raise Unreadable
            return ((code, code),)
        if named := _PROPERTY.match(self._text, self._at):
            self._at = named.end()
            self.exact = False
            return ALL.ranges
        self._at += 1
        if char in _CLASSES:
            return _CLASSES[char]
        if char in _CONTROLS:
            return ((_CONTROLS[char], _CONTROLS[char]),)
        if not char or (char.isascii() and char.isalnum()):
            raise Unreadable
        return _ranges_of(char)

    def _parse_class(self) -> Ranges:
        negated = self._take("^")
        found: list[tuple[int, int]] = []
        exact = self.exact
        while not self._take("]"):
            first = self._parse_member()
            if self._text[self._at : self._at + 1] == "-" and self._text[self._at + 1 : self._at + 2] != "]":
                self._at += 1
                last = self._parse_member()
                if len(first) > 1 or len(last) > 1 or first[0][0] > last[0][1]:
                    raise Unreadable
                first = ((first[0][0], last[0][1]),)
            found += first
        if not found:
            raise Unreadable
        if negated and self.exact != exact:
            return ALL.ranges  # the opposite of a set that is too large would be too small
        return invert(unite(found)) if negated else unite(found)

    def _parse_member(self) -> Ranges:
        if self._at >= len(self._text):
            raise Unreadable
        if self._take("\\"):
            return self._parse_escaped()
        self._at += 1
        return _ranges_of(self._text[self._at - 1])

    def _take(self, char: str) -> bool:
        found = self._text.startswith(char, self._at)
        self._at += len(char) * found
        return found
