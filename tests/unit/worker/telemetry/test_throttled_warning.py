"""While Redis is away a loop of a worker says so at once, and then now and then."""

import pytest
from celery.worker.consumer import consumer
from structlog.testing import capture_logs

from llamaq.store.clock import Clock
from worker.telemetry.throttled_warning import AGAIN_SECONDS, ThrottledLine, ThrottledWarning


class _SetClock(Clock):
    """A clock that a test sets."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


def test_an_outage_is_told_at_once_and_then_now_and_then() -> None:
    """The first time with the variable and the command that help; a new outage begins anew."""
    clock = _SetClock()
    warning = ThrottledWarning("no round", clock)
    with capture_logs() as logs:
        for clock.now in (0.0, 1.0, AGAIN_SECONDS - 1, AGAIN_SECONDS, AGAIN_SECONDS + 1):
            warning.warn(OSError("refused"))
        warning.reset()
        warning.warn(OSError("refused"))
    assert [line["event"] for line in logs] == ["no round", "no round; still so", "no round"]
    assert "LLAMAQ_REDIS_URL" in logs[0]["remedy"]
    assert "worker check" in logs[0]["remedy"]


def test_a_line_of_celery_for_each_try_to_connect_is_told_now_and_then(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Celery tries each second, for ever; its other lines are all logged."""
    clock = _SetClock()
    throttled = ThrottledLine(consumer.CONNECTION_ERROR, clock)
    monkeypatch.setattr(consumer.logger, "filters", [throttled])
    for clock.now in (0.0, 1.0, AGAIN_SECONDS - 1, AGAIN_SECONDS, AGAIN_SECONDS + 1):
        consumer.error(consumer.CONNECTION_ERROR, "redis://", "refused", f"{clock.now:.0f}")
        consumer.error("another")

    said = [record.getMessage().split()[-1] for record in caplog.records]
    assert [word for word in said if word != "another"] == ["0", f"{AGAIN_SECONDS:.0f}"]
    assert said.count("another") == 5
