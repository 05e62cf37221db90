"""Webhooks: what one delivery does not expect ends neither the duty nor the next delivery."""

import threading
from typing import Any

import pytest

from llamaq.store.clock import SYSTEM
from llamaq.store.worker.webhook_deliveries import Delivery
from tests.unit.worker.writing import run_supervised, wait_until
from worker.duties.webhooks import AT_A_TIME, Webhooks

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Due:
    """Deliveries that are due, one after the other."""

    def __init__(self, number: int) -> None:
        self.left = [
            Delivery(f"j{count}", 1, "https://a.example/hook", f"m{count}", str(count), f"{count}.example")
            for count in range(number)
        ]
        self.done_ids: list[str] = []

    def take(self, busy: list[str]) -> Delivery | None:
        return self.left.pop(0) if self.left else None

    def record_success(self, delivery: Delivery) -> None:
        self.done_ids.append(delivery.job_id)


def test_an_unexpected_exception_of_a_call_is_counted_and_outlived(monkeypatch: pytest.MonkeyPatch) -> None:
    """More often than there are threads at a time: none of them is lost."""
    monkeypatch.setattr(Webhooks, "retry_seconds", 0.001)
    due, last = Due(AT_A_TIME + 2), threading.Event()

    def post(_url: str, body: bytes, _headers: Any) -> int:
        if body != str(AT_A_TIME + 1).encode():
            raise type("NeverSeen", (Exception,), {})("out of the blue")
        last.set()
        return 200

    duty = Webhooks(due, SECRET, SYSTEM, post)  # type: ignore[arg-type]  # without a Redis
    with run_supervised(duty) as failed:
        assert last.wait(60)
        wait_until(lambda: len(failed) == AT_A_TIME + 1)
        wait_until(lambda: due.done_ids)

    assert failed == ["webhooks"] * (AT_A_TIME + 1)
    assert due.done_ids == [f"j{AT_A_TIME + 1}"]
