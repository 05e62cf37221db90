"""Splits the thinking from the text of a model that thinks, where Ollama has not done so.

Ollama does it by the model's template. An older server, a template without thinking, or `think: false` with a model
that thinks in any case leave the tags in the text. The rules are Ollama's: tags count only at the beginning of an
answer, because further on they may be what the answer is about. White space around them is left out.
"""

from llamaq.extraction.thinking_tags import THINKING_TAGS

MOST_HELD = 1_000
"""White space at the beginning that is held back, in characters, until it is known what follows."""


class ThinkingSplitter:
    """Takes the pieces of an answer in their order."""

    def __init__(self) -> None:
        self._held = ""
        self._closing = ""
        self._text_began = False
        self._thought = False
        self._blank = False

    def split_piece(self, text: str, thinking: str) -> tuple[str, str]:
        """Return the text and the thinking that are known after a piece of both.

        Args:
            text: as Ollama calls it.
            thinking: the same. Where there is any, Ollama splits the answer itself, and its text is left as it is.
        """
        if thinking:
            held, self._held = self._held, ""
            self._text_began, self._closing = True, ""
            return held + text, thinking
        if self._text_began:
            return text, ""
        return self._split_tags(text)

    def flush(self) -> tuple[str, str]:
        """Return the text and the thinking that are still held back when the answer has ended."""
        held, self._held = self._held, ""
        return ("", held) if self._closing else (held, "")

    def _split_tags(self, piece: str) -> tuple[str, str]:
        rest, self._held = self._held + piece, ""
        thoughts = ""
        while rest:
            if self._closing:
                rest = rest.lstrip() if self._blank else rest
                self._blank = self._blank and not rest
                inside, closed, rest = rest.partition(self._closing)
                if not closed:
                    kept = _partial_tag_length(inside, self._closing)
                    self._held = inside[len(inside) - kept :]
                    return "", thoughts + inside[: len(inside) - kept]
                thoughts += inside
                self._closing, self._thought = "", True
            text = rest.lstrip()
            opening = next((tag for tag in THINKING_TAGS if text.startswith(tag[0])), None)
            if opening is None:
                return self._release_text(text if self._thought else rest, text), thoughts
            self._closing, self._blank = opening[1], True
            rest = text.removeprefix(opening[0])
        return "", thoughts

    def _release_text(self, rest: str, stripped: str) -> str:
        """Return what is no thinking, unless a tag may still come."""
        if len(rest) <= MOST_HELD and any(tag.startswith(stripped) for tag, _ in THINKING_TAGS):
            self._held = rest
            return ""
        self._text_began = True
        return rest


def _partial_tag_length(text: str, tag: str) -> int:
    """How many characters at the end of the text may be the beginning of the tag."""
    end = text[1 - len(tag) :]
    at = end.find(tag[0])
    while at >= 0 and not tag.startswith(end[at:]):
        at = end.find(tag[0], at + 1)
    return len(end) - at if at >= 0 else 0
