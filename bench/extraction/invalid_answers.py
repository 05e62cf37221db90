"""Invalid answers, each made from a valid one."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.extraction.pairs import Pair
from embedded.scripted.script import Script


@dataclass(frozen=True, slots=True)
class InvalidAnswer:
    """A kind of invalid answer, and how often it precedes a valid one.

    Attributes:
        corrupt: makes the answer's text from the valid value.
        times: the number of invalid answers; above the number of repairs the job fails.
        done_reason: Ollama's `done_reason` of each invalid answer.
    """

    what: str
    corrupt: Callable[[dict[str, Any]], str]
    times: int = 1
    done_reason: str = "stop"

    def scripts(self, pair: Pair) -> list[Script]:
        """The scripted host's answers to the pair's questions, in order."""
        invalid = Script(
            contains=pair.text, tokens=[self.corrupt(pair.value)], times=self.times, done_reason=self.done_reason
        )
        return [invalid, Script(contains=pair.text, tokens=[json.dumps(pair.value)])]


def _without_a_field(value: dict[str, Any]) -> str:
    return json.dumps(dict(list(value.items())[1:]))


def _wrong_type(value: dict[str, Any]) -> str:
    return json.dumps({name: [[part]] for name, part in value.items()})


def _half(value: dict[str, Any]) -> str:
    text = json.dumps(value)
    return text[: len(text) // 2]


KINDS = [
    InvalidAnswer("words around the JSON", lambda value: f"Sure! Here it is: {json.dumps(value)}"),
    InvalidAnswer("a code fence", lambda value: f"```json\n{json.dumps(value)}\n```"),
    InvalidAnswer("a field missing", _without_a_field),
    InvalidAnswer("wrong types", _wrong_type),
    InvalidAnswer("cut by the token limit", _half, done_reason="length"),
    InvalidAnswer("a field missing, twice", _without_a_field, times=2),
    InvalidAnswer("wrong types, every time", _wrong_type, times=9),
]
