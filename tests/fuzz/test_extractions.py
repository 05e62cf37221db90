"""Answers to extractions, at random: JSON that is wrapped, doubled, broken, cut, or no JSON at all.

Whatever comes, the job ends typed. What is accepted is the one object that stands in the text, and is valid. A failure
tells its seed: add it to seeds.json.
"""

import json
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from llamaq.extraction.answer import AROUND
from llamaq.extraction.partials import Partials
from llamaq.extraction.thinking_tags import THINKING_TAGS
from llamaq.store.worker.outcome import Completed, Failed
from llamaq.vocabulary import events
from llamaq.vocabulary.events import Delta, Event
from llamaq.vocabulary.requests import dump_json, parse
from tasks.registry import run
from tests.fuzz.conftest import seeds
from tests.unit.tasks.ollama import Ollama, claimed, context

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "year": {"type": "integer"},
        "notes": {"type": "array"},
        "next": {"$ref": "#"},
    },
    "required": ["title", "year"],
    "additionalProperties": False,
}
WORDS = (
    "Sure!",
    "Here it is:",
    "As asked,",
    "**Answer**",
    "the year (1965)",
    'a "quoted" word',
    "it's",
    "\u00e9\u4e2d\U0001f600",
    "<b>",
)
BRACKETED = ("[sic]", "[see below]", "[1]", "[]", "[1, 2]", '["a", "b"]', "{none}", "[x](https://example.org)")
STRINGS = ("Dune", "", "}", "{", "[", '"', "\\", "```", "\n", "\u2028", "\U0001f600", "caf\u00e9", "<b>", "a: [1]")
FENCES = (
    ("```json\n", "\n```"),
    ("```\n", "\n```"),
    ("~~~\n", "\n~~~"),
    ("````JSON\n", "\n````"),
    ("\ufeff", ""),
    ("", ""),
)
NOISE = (
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\\",
    "`",
    "<think>",
    "</think>",
    "'",
    "\x00",
    "\ufeff",
    "NaN",
    "1e999",
    " ",
)
HOW_MANY = 25
"""Answers for a seed."""


class Answers:
    """Makes answers from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.chance = self._random.random

    def answer(self) -> tuple[str, list[Any]]:
        """A text, and the objects in it that may be meant."""
        meant = [self._draw_object(0) for _ in range(self._random.choice((0, 1, 1, 1, 2)))]
        parts = [self._wrap(self._dump(value)) for value in meant]
        for _ in range(self._random.randrange(4)):
            around = self._random.choice(WORDS + BRACKETED)
            parts.insert(self._random.randrange(len(parts) + 1), around)
        text = self._random.choice(("\n", " ", "\n\n")).join(parts)
        return self._draw_thought() + text, meant

    def damage(self, text: str) -> str:
        """Take characters of a text out, put some in, double or cut it."""
        for _ in range(self._random.randrange(1, 4)):
            at, to = sorted(self._random.randrange(len(text) + 1) for _ in range(2))
            cuts = (text[:at], text[at:], text[:at] + text[to:], text[:to] + text[at:])
            noise = text[:at] + self._random.choice(NOISE) + text[at:]
            text = self._random.choice((*cuts, noise, noise, noise))
        return text

    def cut(self, text: str) -> Iterator[str]:
        """Cut a text into pieces."""
        while text:
            size = self._random.randrange(1, 20)
            yield text[:size]
            text = text[size:]

    def _draw_object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {"title": self._draw_string(), "year": self._random.randrange(-5, 3000)}
        if self.chance() < 0.3:
            found["notes"] = [
                self._random.choice((self._draw_string(), 1.5, None, True, [], {"a": [{}]})) for _ in range(3)
            ]
        if self.chance() < 0.3 and depth < 3:
            found["next"] = self._draw_object(depth + 1)
        if self.chance() < 0.1:
            found["year"] = "soon"
        return found

    def _draw_string(self) -> str:
        return "".join(self._random.choice(STRINGS) for _ in range(self._random.randrange(4)))

    def _dump(self, value: Any) -> str:
        indent, ascii_only = self._random.choice((None, 2)), self.chance() < 0.5
        return json.dumps(value, indent=indent, ensure_ascii=ascii_only)

    def _wrap(self, text: str) -> str:
        before, after = self._random.choice(FENCES)
        return before + text + after

    def _draw_thought(self) -> str:
        if self.chance() > 0.3:
            return ""
        opening, closing = self._random.choice(THINKING_TAGS)
        return f"{opening}Perhaps {self._dump(self._draw_object(0))} or [x\n{closing}\n"


def _find_objects(text: str) -> list[Any]:
    """Find the objects in a text in another way: with the standard library, from the left to the right.

    A text that is JSON alone has no thinking in it: a tag in one of its strings is a part of that string.
    """
    with suppress(ValueError):
        alone = json.loads(text.strip(AROUND))
        return [alone] if isinstance(alone, dict) else []
    for _, closing in THINKING_TAGS:
        text = text.rpartition(closing)[2]
    found: list[Any] = []
    at = 0
    while at < len(text):
        if text[at] in "[{":
            try:
                value, at = json.JSONDecoder().raw_decode(text, at)
            except ValueError:
                pass
            else:
                found += [value] if isinstance(value, dict) else []
                continue
        at += 1
    return found


def _run_extraction(text: str, pieces: list[str], done_reason: str = "stop") -> Completed | Failed:
    request = parse({"kind": "extraction", "model": "m", "prompt": "x", "schema": SCHEMA, "repairs": 0})
    answer: list[dict[str, Any]] = [{"message": {"content": piece}} for piece in pieces]
    last = {"done": True, "done_reason": done_reason, "eval_count": 5}
    outcome = run(claimed("extraction", dump_json(request)), context(Ollama([*answer, last])))
    assert isinstance(outcome, Completed | Failed), f"{text!r} ends as {outcome}"
    return outcome


def _read_partials(pieces: list[str]) -> list[Any]:
    partials = Partials(dict[str, Any])
    grown: list[Any] = []
    for piece in pieces:
        grown += partials.take(_make_delta(piece))
    return grown


def _make_delta(piece: str) -> Event:
    event = events.parse("1-1", json.dumps({"v": 1, "type": "delta", "at": 0, "attempt": 1, "text": piece}))
    assert isinstance(event, Delta)
    return event


def test_answers_to_extractions() -> None:
    """Never a crash, never a value that is not there or not valid, never one of two."""
    for seed in seeds("extraction"):
        answers = Answers(seed)
        for _ in range(HOW_MANY):
            text, meant = answers.answer()
            pieces = list(answers.cut(text))
            outcome = _run_extraction(text, pieces)
            where = f"seed {seed}: {text!r}"
            if len(meant) == 1 and isinstance(meant[0]["year"], int) and _is_valid(meant[0]):
                assert isinstance(outcome, Completed), f"{where} has one value: {outcome}"
                assert outcome.result["value"] == meant[0], where
            else:
                assert isinstance(outcome, Failed), f"{where} has {len(meant)} values: {outcome}"
                assert outcome.error.code == "invalid_output", where
                assert outcome.error.details["text"] == text, where
            _read_partials(pieces)

            damaged = answers.damage(text)
            pieces = list(answers.cut(damaged))
            for done_reason in ("stop", "length"):
                outcome = _run_extraction(damaged, pieces, done_reason)
                where = f"seed {seed}, {done_reason}: {damaged!r}"
                if isinstance(outcome, Completed):
                    assert [outcome.result["value"]] == _find_objects(damaged), where
                    assert _is_valid(outcome.result["value"]), where
                else:
                    assert outcome.error.code == "invalid_output", where
            _read_partials(pieces)


def _is_valid(value: dict[str, Any]) -> bool:
    """Whether a value is valid against `SCHEMA`, by hand."""
    return (
        value.keys() <= SCHEMA["properties"].keys()
        and isinstance(value.get("title"), str)
        and type(value.get("year")) is int
        and isinstance(value.get("notes", []), list)
        and ("next" not in value or (isinstance(value["next"], dict) and _is_valid(value["next"])))
    )
