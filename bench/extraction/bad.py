"""Bad answers on purpose, each made out of a good one."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.extraction.pairs import Pair
from embedded.scripted.script import Script


@dataclass(frozen=True, slots=True)
class Bad:
    """A kind of bad answer, and how often it comes before a good one.

    Attributes:
        spoil: makes it out of the good value.
        times: answers that are bad; beyond the repairs, all are.
        done_reason: what Ollama says of each.
    """

    what: str
    spoil: Callable[[dict[str, Any]], str]
    times: int = 1
    done_reason: str = "stop"

    def scripts(self, pair: Pair) -> list[Script]:
        """What the scripted host answers to the pair's questions, in their order."""
        bad = Script(
            contains=pair.text, tokens=[self.spoil(pair.value)], times=self.times, done_reason=self.done_reason
        )
        return [bad, Script(contains=pair.text, tokens=[json.dumps(pair.value)])]


def _without_a_field(value: dict[str, Any]) -> str:
    return json.dumps(dict(list(value.items())[1:]))


def _wrong_type(value: dict[str, Any]) -> str:
    return json.dumps({name: [[part]] for name, part in value.items()})


def _half(value: dict[str, Any]) -> str:
    text = json.dumps(value)
    return text[: len(text) // 2]


KINDS = [
    Bad("words around the JSON", lambda value: f"Sure! Here it is: {json.dumps(value)}"),
    Bad("a code fence", lambda value: f"```json\n{json.dumps(value)}\n```"),
    Bad("a field missing", _without_a_field),
    Bad("wrong types", _wrong_type),
    Bad("cut by the token limit", _half, done_reason="length"),
    Bad("a field missing, twice", _without_a_field, times=2),
    Bad("wrong types, every time", _wrong_type, times=9),
]
