"""The charts of the last hour and day."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gateway.queue_access import queue_of
from gateway.ui.pages import render_static_page
from gateway.ui.session import Operator
from llamaq import Minute
from llamaq.vocabulary.kinds.request import LANES

router = APIRouter()
ENDS = ("completed", "failed", "cancelled", "expired")
_SPANS = {"hour": (60, 1), "day": (1440, 10)}
"""The spans of time: the minutes of each, and the minutes of one point."""
Point = Sequence[Minute]
Line = tuple[str, str, Callable[[Point], float | None]]
"""The name of a line, the name of its colour, and its figure at a point."""


@router.get("/ui/charts")
async def charts(request: Request, _: Operator, span: Annotated[Literal["hour", "day"], Query()] = "hour") -> Response:
    """Jobs by end, waiting by lane, first token, tokens a second, slots."""
    minutes, step = _SPANS[span]
    found = await queue_of(request).history(minutes)
    points = [found[first : first + step] for first in range(0, len(found), step)]
    rendered = [_build_chart(title, unit, lines, points) for title, unit, lines in _CHARTS]
    return await render_static_page(request, "charts.html", "charts", span=span, charts=rendered, step=step)


def _build_chart(title: str, unit: str, lines: Sequence[Line], points: Sequence[Point]) -> dict[str, Any]:
    at = [int(point[0].at.timestamp()) for point in points]
    values = [[_round(figure(point)) for point in points] for _, _, figure in lines]
    given = {"unit": unit, "names": [line[0] for line in lines], "colours": [line[1] for line in lines]}
    rows: list[tuple[datetime, list[float | None]]] = [
        (point[0].at, [line[index] for line in values]) for index, point in enumerate(points)
    ]
    return {"title": title, **given, "json": json.dumps({**given, "data": [at, *values]}), "rows": rows[::-1]}


def _round(number: float | None) -> float | None:
    return None if number is None else round(number, 3)


def _mean(numbers: Sequence[float]) -> float | None:
    """None where nothing was recorded: a gap in the chart."""
    return sum(numbers) / len(numbers) if numbers else None


def _mean_ended(state: str) -> Callable[[Point], float | None]:
    return lambda point: _mean([minute.ended.get(state, 0) for minute in point if minute.ended])


def _most_waiting(lane: str) -> Callable[[Point], float | None]:
    return lambda point: max((minute.waiting.get(lane, 0) for minute in point if minute.waiting), default=None)


def _token_rate(point: Point) -> float | None:
    return _mean([minute.tokens / 60 for minute in point if minute.ended or minute.tokens])


def _slots_used(point: Point) -> float | None:
    return _mean([minute.slots_used for minute in point if minute.slots])


def _slots(point: Point) -> float | None:
    return max((minute.slots for minute in point if minute.slots), default=None)


def _slowest(field: str) -> Callable[[Point], float | None]:
    def figure(point: Point) -> float | None:
        known = [value for minute in point if (value := getattr(minute, field)) is not None]
        return max(known, default=None)

    return figure


_END_COLOURS = ("good", "bad", "grey", "warn")
_LANE_COLOURS = ("blue", "good", "warn")
_CHARTS: tuple[tuple[str, str, tuple[Line, ...]], ...] = (
    ("Jobs a minute, by end", "", tuple((one, _END_COLOURS[i], _mean_ended(one)) for i, one in enumerate(ENDS))),
    ("Waiting, by lane", "", tuple((one, _LANE_COLOURS[i], _most_waiting(one)) for i, one in enumerate(LANES))),
    (
        "First token, since the submit",
        "s",
        (("p50", "blue", _slowest("first_token_p50")), ("p95", "warn", _slowest("first_token_p95"))),
    ),
    ("Tokens a second", "", (("tokens/s", "blue", _token_rate),)),
    ("Slots", "", (("used", "blue", _slots_used), ("all", "grey", _slots))),
)
