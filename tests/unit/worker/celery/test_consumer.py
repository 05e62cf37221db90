"""Celery's consumer as this service starts it."""

from types import SimpleNamespace
from typing import Any

import pytest
from celery.worker.consumer import Consumer as CeleryConsumer
from celery.worker.consumer import consumer as celery_consumer

from worker.celery.consumer import EVENT_HEARTBEAT_SECONDS, Consumer


@pytest.fixture(autouse=True)
def _no_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer filters the log of Celery's, which all tests share."""
    monkeypatch.setattr(celery_consumer.logger, "filters", [])


@pytest.mark.parametrize(("given", "seconds"), [(None, EVENT_HEARTBEAT_SECONDS), (3.0, 3.0)])
def test_event_heartbeats_are_rare_unless_the_command_says_otherwise(
    given: float | None, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--heartbeat-interval` counts; without it Celery would send one every two seconds."""
    options: dict[str, Any] = {}
    monkeypatch.setattr(CeleryConsumer, "__init__", lambda _, **all_given: options.update(all_given["worker_options"]))

    Consumer(worker_options={"heartbeat_interval": given})

    assert options["heartbeat_interval"] == seconds


def test_the_worker_is_told_that_its_consumer_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key of Celery's that something has written over may be the cause."""
    told: list[str] = []
    worker = SimpleNamespace(mend_damaged_keys=lambda: told.append("connects"))
    consumer = Consumer.__new__(Consumer)
    consumer.app = SimpleNamespace(llamaq_worker=worker)
    monkeypatch.setattr(CeleryConsumer, "ensure_connected", lambda _, connection: connection)
    connection = SimpleNamespace(ensure_connection=lambda **_: None)

    assert consumer.ensure_connected(connection) is connection

    assert told == ["connects"]


def test_celerys_line_for_each_try_to_connect_is_throttled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It tries each second while Redis is away."""
    monkeypatch.setattr(CeleryConsumer, "__init__", lambda *_, **__: None)

    Consumer()
    for _ in range(3):
        celery_consumer.error(celery_consumer.CONNECTION_ERROR, "redis://", "refused", "again")

    assert len(caplog.records) == 1
