"""Translates the pattern of a JSON Schema for Ollama's engine.

The engine (llama.cpp) matches a pattern against the JSON text of a string, takes it only from `^` to `$`, and knows few
escapes. A `.` of it matches the quote that ends the string. So the translation has sets and groups alone, and no
character that JSON writes with a backslash. Strings with such characters are the only ones that match the pattern and
not its translation.
"""

from llamaq.extraction.engine.regex import (
    ANYTHING,
    Alt,
    Chars,
    Edge,
    Node,
    Pattern,
    Ranges,
    Repeat,
    Seq,
    Unreadable,
    invert,
    unite,
)

MOST_REPEATED = 1999
"""The engine refuses a grammar that repeats a part more often, also by repeats in repeats."""
LONGEST = 10_000
"""Characters of a translation."""
_WRITTEN_ESCAPED: Ranges = ((0, 0x1F), (0x22, 0x22), (0x5C, 0x5C), (0x7F, 0x7F))
_SURROGATES: Ranges = ((0xD800, 0xDFFF),)
_UNSAFE = unite([*_WRITTEN_ESCAPED, *_SURROGATES])


def translate_pattern(pattern: str) -> tuple[str, bool] | None:
    """Translate the pattern for the engine; returns it, and whether it says all that the given one does.

    Otherwise it matches more. None where the engine has no pattern that would help.
    """
    try:
        read = Pattern(pattern)
        whole, exact = _anchor(read.tree)
        writer = _Writer()
        text = f"^{writer.write(whole, MOST_REPEATED)}$"
    except Unreadable:
        return None
    return (text, read.exact and exact and writer.exact) if len(text) <= LONGEST else None


def _anchor(tree: Node) -> tuple[Node, bool]:
    """Let the tree match whole texts; returns it, and whether no edge is left out."""
    branches, exact = [], True
    for branch in _flatten_branches(tree):
        parts = list(branch.parts) if isinstance(branch, Seq) else [branch]
        starts = bool(parts) and isinstance(parts[0], Edge) and parts[0].start
        ends = bool(parts) and isinstance(parts[-1], Edge) and not parts[-1].start
        inner = parts[starts : len(parts) - ends]
        exact = exact and not any(map(_has_edge, inner))
        branches.append(Seq((*([] if starts else [ANYTHING]), *inner, *([] if ends else [ANYTHING]))))
    return Alt(tuple(branches)), exact


def _flatten_branches(tree: Node) -> list[Node]:
    return [inner for part in tree.parts for inner in _flatten_branches(part)] if isinstance(tree, Alt) else [tree]


def _has_edge(node: Node) -> bool:
    match node:
        case Edge():
            return True
        case Seq(parts) | Alt(parts):
            return any(map(_has_edge, parts))
        case Repeat(part):
            return _has_edge(part)
    return False


def _can_be_empty(node: Node) -> bool:
    match node:
        case Seq(parts):
            return all(map(_can_be_empty, parts))
        case Alt(parts):
            return any(map(_can_be_empty, parts))
        case Repeat(part, least):
            return least == 0 or _can_be_empty(part)
    return isinstance(node, Edge)


def _nonempty_parts(node: Node) -> list[Node]:
    """Parts, none of which may be empty. Repeated in any order they match what the repeated node does, or more."""
    if not _can_be_empty(node):
        return [node]
    match node:
        case Seq(parts) | Alt(parts):
            return [inner for part in parts for inner in _nonempty_parts(part)]
        case Repeat(part):
            return _nonempty_parts(part)
    return []


class _Writer:
    """Writes a tree as a pattern of the engine.

    Attributes:
        exact: whether what was written says all that the tree does.
    """

    def __init__(self) -> None:
        self.exact = True

    def write(self, node: Node, most: int) -> str:
        """The pattern of a node that is repeated at most `MOST_REPEATED / most` times."""
        match node:
            case Chars(ranges):
                return _write_set(ranges)
            case Seq(parts):
                return "".join(self.write(part, most) for part in parts)
            case Alt(parts):
                return self._write_alternatives(parts, most)
            case Repeat(part, least, upper):
                return self._write_repeat(part, least, upper, most)
        return ""

    def _write_alternatives(self, parts: tuple[Node, ...], most: int) -> str:
        written = list(dict.fromkeys(self.write(part, most) for part in parts))
        texts = [text for text in written if text]
        if not texts:
            return ""
        # The engine has no empty alternative.
        one = texts[0] if len(texts) == 1 and len(written) == 1 else f"({'|'.join(texts)})"
        return one if len(texts) == len(written) else f"{one}?"

    def _write_repeat(self, part: Node, least: int, upper: int | None, most: int) -> str:
        if upper is not None and upper < least:
            raise Unreadable
        if (least, upper) == (1, 1):
            return self.write(part, most)
        if upper == 0:
            return ""
        if _can_be_empty(part):
            # The engine takes a repeated part that may be empty for a grammar without end.
            parts = _nonempty_parts(part)
            self.exact = self.exact and (upper is None or len(parts) == 1)
            if upper not in (None, 1):
                self.exact = False
            if not parts:
                return ""
            if upper == 1:
                return self.write(part, most)
            part, least, upper = Alt(tuple(parts)), 0, None
        counted = max(least, upper or 0)
        if counted > most:
            self.exact = False
            least, upper, counted = min(least, 1), None, 1
        text = self.write(part, most // max(counted, 1))
        if not text:
            return ""
        return (text if _is_set(text) else f"({text})") + _COUNTS.get((least, upper), f"{{{least},{_number(upper)}}}")


_COUNTS = {(0, None): "*", (1, None): "+", (0, 1): "?"}


def _number(upper: int | None) -> str:
    return "" if upper is None else str(upper)


def _is_set(text: str) -> bool:
    return text.startswith("[") and text.index("]") == len(text) - 1


def _write_set(ranges: Ranges) -> str:
    """A class; `]` and all other signs are written by their number."""
    kept = invert(unite([*invert(ranges), *_UNSAFE]))
    if not kept:
        raise Unreadable
    if kept[-1][1] < 0x10FFFF:
        return f"[{''.join(map(_write_range, kept))}]"
    # Surrogates cannot be written, and no text has them.
    others = invert(unite([*kept, *_SURROGATES]))
    return f"[^{''.join(map(_write_range, others))}]"


def _write_range(ends: tuple[int, int]) -> str:
    first, last = map(_write_char, ends)
    return first if first == last else f"{first}-{last}"


def _write_char(code: int) -> str:
    char = chr(code)
    return char if code > 0x7F or char.isalnum() else f"\\x{code:02X}"
