"""Reads what waits out of the answer of `waiting.lua`, without any I/O."""

from datetime import UTC, datetime

from llamaq.store.answers import Answer, Fields
from llamaq.vocabulary.kinds.request import LANES
from llamaq.vocabulary.waiting import QueueStatus, Why


def read(answer: Answer) -> list[QueueStatus]:
    """The queues, sorted by model and lane; behind them the jobs that wait for their time."""
    queues = sorted(
        map(_queue, answer.rows("queues")), key=lambda each: (each.model, LANES.index(each.lane or "batch"))
    )
    return queues + sorted(map(_scheduled, answer.rows("scheduled")), key=lambda each: each.model)


def _queue(row: Fields) -> QueueStatus:
    eta = row.optional("eta_seconds")
    return QueueStatus(
        model=row.text("model"),
        lane=row.text("lane"),
        waiting=row.integer("waiting"),
        oldest_seconds=row.number("age_seconds"),
        eta_seconds=None if eta is None else float(eta),
        why=Why.of(row.text("why")),
    )


def _scheduled(row: Fields) -> QueueStatus:
    start = datetime.fromtimestamp(row.number("starts_at"), UTC)
    return QueueStatus(
        model=row.text("model"),
        waiting=row.integer("waiting"),
        why=Why.of("not_before", start),
        next_start=start,
    )
