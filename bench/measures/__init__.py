"""The measures by name. Each takes a plan and the results to add to."""

from collections.abc import Callable

from bench.figures.results import Results
from bench.measures import first_token, sessions, slots, streams, submit
from bench.plan import Plan

MEASURES: dict[str, Callable[[Plan, Results], None]] = {
    "first_token": first_token.measure,
    "streams": streams.measure,
    "slots": slots.measure,
    "submit": submit.measure,
    "sessions": sessions.measure,
}
