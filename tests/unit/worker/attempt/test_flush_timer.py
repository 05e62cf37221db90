"""When an attempt's events are written and its lease is renewed, by the figures alone."""

import pytest

from worker.attempt.flush_timer import LATE_SECONDS, RENEW_SECONDS, RETRY_SECONDS, FlushTimer

FLUSH, WIDE, LEASE, NOW = 0.02, 1.0, 15.0, 100.0


@pytest.fixture
def timer() -> FlushTimer:
    """Of an attempt that has just begun."""
    return FlushTimer(FLUSH, LEASE, NOW)


def test_what_is_urgent_is_written_at_once(timer: FlushTimer) -> None:
    """However wide the shared window is; else events wait for its end."""
    assert timer.write_due_at(NOW + 5) == NOW + 5

    timer.urgent = True

    assert timer.write_due_at(NOW + 5) == 0.0


def test_one_window_may_be_used_ahead() -> None:
    """Tokens at the pace of the windows are written as they come; faster ones are joined."""
    timer = FlushTimer(WIDE, LEASE, NOW)
    timer.note_sent(NOW)
    assert timer.write_due_at(0.0) <= NOW  # the second write needs no wait
    timer.note_sent(NOW)
    assert timer.write_due_at(0.0) == pytest.approx(NOW + WIDE - LATE_SECONDS)
    timer.note_sent(NOW + 10)  # what was not used does not add up
    assert timer.write_due_at(0.0) == pytest.approx(NOW + 10 - LATE_SECONDS)


def test_a_late_token_delays_none_behind_it(timer: FlushTimer) -> None:
    """They come once a window, and one of them was late by more than a window."""
    late = LATE_SECONDS + FLUSH - 0.001
    timer.note_sent(NOW + late)

    for number in range(1, 100):
        comes_at = NOW + number * FLUSH
        assert timer.write_due_at(0.0) <= comes_at
        timer.note_sent(max(comes_at, NOW + late))


def test_what_redis_refused_waits_also_when_it_is_urgent(timer: FlushTimer) -> None:
    """Until Redis takes it; then the flush window counts again. Renewals wait as well."""
    timer.urgent = True
    timer.note_sent(NOW)

    timer.note_refused(NOW)

    assert timer.write_due_at(NOW) == NOW + RETRY_SECONDS
    timer.note_refused(NOW + 30)
    assert timer.renewal_due_at() == NOW + 30 + RETRY_SECONDS
    timer.note_confirmed(NOW + 31)
    assert timer.write_due_at(NOW) == 0.0


def test_a_lease_is_renewed_at_a_third_of_its_time(timer: FlushTimer) -> None:
    """With a write that goes out anyway from a second on; only a confirmation counts."""
    assert timer.renewal_due_at() == NOW + LEASE / 3

    timer.note_sent(NOW + RENEW_SECONDS)
    assert (timer.renewing, timer.renewal_due_at()) == (True, NOW + LEASE / 3)
    timer.note_confirmed(NOW + RENEW_SECONDS)
    assert timer.renewal_due_at() == NOW + RENEW_SECONDS + LEASE / 3


def test_a_record_that_is_behind_waits_for_two_seconds(timer: FlushTimer) -> None:
    """A write that renews nothing does not tell the record how far the answer is."""
    timer.note_sent(NOW + RENEW_SECONDS / 2)
    timer.note_confirmed(NOW + RENEW_SECONDS / 2)

    assert (timer.renewing, timer.behind, timer.renewal_due_at()) == (False, True, NOW + 2 * RENEW_SECONDS)
    timer.note_sent(NOW + 2 * RENEW_SECONDS)
    timer.note_confirmed(NOW + 2 * RENEW_SECONDS)
    assert (timer.renewing, timer.behind) == (True, False)


def test_a_window_of_zero_joins_nothing() -> None:
    """LLAMAQ_FLUSH_MS=0."""
    assert not FlushTimer(0, LEASE, NOW).joins
    assert FlushTimer(FLUSH, LEASE, NOW).joins
