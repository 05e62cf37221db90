"""Reads what waits out of the answer of `waiting.lua`, without any I/O."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from llamaq.store.answers import Answer, Fields, read_rows
from llamaq.vocabulary.kinds.request import LANES
from llamaq.vocabulary.status import QueueStatus
from llamaq.vocabulary.wait_reason import Why


def read(answer: Answer) -> list[QueueStatus]:
    """The queues, sorted by model and lane; behind them the jobs that wait for their time."""
    queues = sorted(
        _read_rows(answer, "queues", _read_queue), key=lambda each: (each.model, LANES.index(each.lane or "batch"))
    )
    return queues + sorted(_read_rows(answer, "scheduled", _read_scheduled), key=lambda each: each.model)


def count_by_tenant(counts: Mapping[str, str]) -> dict[str, int]:
    """Read how many jobs of each tenant wait."""
    rows = ((f"the number of waiting jobs of {tenant}", (tenant, text)) for tenant, text in sorted(counts.items()))
    return dict(read_rows(rows, lambda _, row: (row[0], int(row[1]))))


def _read_rows(answer: Answer, name: str, read_row: Callable[[Fields], QueueStatus]) -> list[QueueStatus]:
    rows = ((f"the queue of {row.text('model')}", row) for row in answer.rows(name))
    return read_rows(rows, lambda _, row: read_row(row))


def _read_queue(row: Fields) -> QueueStatus:
    eta = row.optional("eta_seconds")
    return QueueStatus(
        model=row.text("model"),
        lane=row.text("lane"),
        waiting=row.integer("waiting"),
        oldest_seconds=row.number("age_seconds"),
        eta_seconds=None if eta is None else float(eta),
        why=Why.of(row.text("why")),
    )


def _read_scheduled(row: Fields) -> QueueStatus:
    start = datetime.fromtimestamp(row.number("starts_at"), UTC)
    return QueueStatus(
        model=row.text("model"),
        waiting=row.integer("waiting"),
        why=Why.of("not_before", start),
        next_start=start,
    )
