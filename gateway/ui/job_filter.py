"""The filter of the jobs' page: read from a query or a form, and written back into links."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import urlencode

from starlette.datastructures import FormData, QueryParams

from gateway.http.times import parse_time
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.kinds.request import LANES
from llamaq.vocabulary.requests import KINDS
from llamaq.vocabulary.status import State

STATES: tuple[State, ...] = get_args(State)
TEXTS = ("kind", "model", "tenant", "lane", "code", "since", "until")
_CHOICES: Mapping[str, tuple[str, ...]] = {"kind": KINDS, "lane": LANES}


@dataclass(frozen=True, slots=True)
class JobFilter:
    """What a list of jobs is narrowed by.

    Attributes:
        states: of which any will do; none lets all through.
        texts: the other fields that were given, as they were written.
    """

    states: tuple[State, ...]
    texts: Mapping[str, str]

    @classmethod
    def of(cls, given: QueryParams | FormData) -> "JobFilter":
        """Read it.

        Raises:
            InvalidRequest: names the field that is wrong.
        """
        texts = {name: str(given.get(name, "")).strip() for name in TEXTS}
        chosen = [str(one) for one in given.getlist("state") if one]
        for one in chosen:
            if one not in STATES:
                raise InvalidRequest.of("state", f"must be one of {', '.join(STATES)}")
        for name, choices in _CHOICES.items():
            if texts[name] and texts[name] not in choices:
                raise InvalidRequest.of(name, f"must be one of {', '.join(choices)}")
        found = cls(tuple(one for one in STATES if one in chosen), {name: text for name, text in texts.items() if text})
        found.arguments()
        return found

    def arguments(self) -> dict[str, Any]:
        """As `queue.jobs` takes it.

        Raises:
            InvalidRequest: a time is not valid.
        """
        times = {name: parse_time(name, self.texts.get(name)) for name in ("since", "until")}
        return {**self.texts, **times, "state": self.states}

    def text(self, name: str) -> str:
        """The text of a field."""
        return self.texts.get(name, "")

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The fields, for a form."""
        return [*(("state", one) for one in self.states), *self.texts.items()]

    @property
    def query(self) -> str:
        """The fields, for a link."""
        return urlencode(self.pairs)
