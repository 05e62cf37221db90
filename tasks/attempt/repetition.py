"""Notices that an answer repeats itself without end.

There are two forms: white space alone, mostly where a grammar allows it, and a block that comes again and again. The
limits are high, because a table of equal rows is no fault.
"""

WHITE_SPACE_PIECES = 200
"""So many pieces (tokens, mostly), or so many new lines, of nothing but white space are a repetition."""
REPEATS = 20
"""So often a block has to come in a row."""
SHORT_BLOCK = 40
"""A block of fewer characters has to come more often: zeros, lines and a single word are more often meant."""
LEAST_CHARS = 1_000
"""Characters that all repeats together must have."""
LEAST_CHARS_OF_SHORT = 16_000
"""The same for a short block."""
LONGEST_BLOCK = 1_000
"""The longest block that is looked for, in characters: 50 tokens of 20."""
LOOK_EVERY = 64
"""Characters between two looks at the text."""
_TAIL = LONGEST_BLOCK * REPEATS
_SAMPLE = 64


class RepetitionGuard:
    """Takes the pieces of one text in their order, and keeps the last 20,000 characters of it."""

    def __init__(self) -> None:
        self._tail = ""
        self._fresh: list[str] = []
        self._fresh_chars = 0
        self._blank_pieces = 0
        self._new_lines = 0

    def repeats(self, piece: str) -> bool:
        """Whether the text repeats itself, now that this piece has come."""
        if piece.isspace():
            self._blank_pieces += 1
            self._new_lines += piece.count("\n")
            if max(self._blank_pieces, self._new_lines) >= WHITE_SPACE_PIECES:
                return True
        else:
            self._blank_pieces = self._new_lines = 0
        self._fresh.append(piece)
        self._fresh_chars += len(piece)
        if self._fresh_chars < LOOK_EVERY:
            return False
        self._tail = (self._tail + "".join(self._fresh))[-max(_TAIL, self._fresh_chars) :]
        self._fresh, self._fresh_chars = [], 0
        return _ends_in_repeats(self._tail)


def _ends_in_repeats(text: str) -> bool:
    """Whether the text ends with a block that comes often enough."""
    # Where it does, the text's last characters have come before, at the distance of a block.
    before = text.rfind(text[-_SAMPLE:], max(len(text) - _SAMPLE - LONGEST_BLOCK, 0), len(text) - 1)
    if before < 0:
        return False
    block = len(text) - _SAMPLE - before
    length = max(REPEATS * block, LEAST_CHARS_OF_SHORT if block < SHORT_BLOCK else LEAST_CHARS)
    return len(text) >= length and text[-length:-block] == text[block - length :]
