"""The history of the fleet by minutes, as `queue.history()` gives it: asked for and read, without any I/O."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from llamaq.store.keys import Keys
from llamaq.store.redis_errors import is_of_another_type
from llamaq.store.script_drivers import unwrap
from llamaq.store.worker.minute_figures import ENDED, FIRST, KEPT_MINUTES, WAITING, quantile
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.wire import Frozen


class Minute(Frozen):
    """One minute of the fleet.

    Attributes:
        at: its beginning.
        ended: jobs that ended in it, by state; empty where the minute before was not recorded.
        waiting: jobs that waited when it was last recorded, by lane.
        slots: of all hosts, when it was last recorded.
        slots_used: those of them that jobs held.
        tokens: that completed jobs have written, counted at their end.
        first_token_p50: median of the seconds from submit to first token, of jobs that were completed in it, to about a
            tenth; None without one.
        first_token_p95: the 95th percentile of the same.
    """

    at: datetime
    ended: dict[str, int] = Field(default_factory=dict)
    waiting: dict[str, int] = Field(default_factory=dict)
    slots: int = 0
    slots_used: int = 0
    tokens: int = 0
    first_token_p50: float | None = None
    first_token_p95: float | None = None


def check_minutes(number: int) -> int:
    """Check the number of minutes.

    Raises:
        InvalidRequest: so many are not kept.
    """
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= KEPT_MINUTES:
        raise InvalidRequest.of("number", f"must be a number from 1 to {KEPT_MINUTES}: minutes are kept for a day")
    return number


def build_commands(keys: Keys, now: int, minutes: int) -> list[list[str]]:
    """Build the commands that read the last whole minutes, and the one before them."""
    this = now // 60
    return [["HGETALL", keys.minute(number)] for number in range(this - minutes - 1, this)]


def read(now: int, replies: Sequence[object]) -> list[Minute]:
    """Read the minutes, oldest first, out of the replies. A key of another type is an empty minute."""
    answers: list[Any] = [{} if is_of_another_type(reply) else unwrap(reply) for reply in replies]
    first = now // 60 - len(answers)
    return [
        _read_minute(datetime.fromtimestamp(60 * (first + index), UTC), answers[index], answers[index - 1])
        for index in range(1, len(answers))
    ]


def _read_minute(at: datetime, fields: Mapping[str, str], before: Mapping[str, str]) -> Minute:
    totals, totals_before = _read_numbers(fields, ENDED), _read_numbers(before, ENDED)
    ended = {state: max(number - totals_before.get(state, 0), 0) for state, number in totals.items()}
    first = {_parse_number(index): number for index, number in _read_numbers(fields, FIRST).items()}
    return Minute(
        at=at,
        ended=ended if totals_before else {},
        waiting=_read_numbers(fields, WAITING),
        **{name: _parse_number(fields.get(name, "")) for name in ("slots", "slots_used", "tokens")},
        first_token_p50=quantile(first, 0.5),
        first_token_p95=quantile(first, 0.95),
    )


def _read_numbers(fields: Mapping[str, str], beginning: str) -> dict[str, int]:
    return {
        name.removeprefix(beginning): _parse_number(text) for name, text in fields.items() if name.startswith(beginning)
    }


def _parse_number(text: str) -> int:
    """Parse a number; 0 for what something else has written."""
    return int(text) if text.isdecimal() else 0
