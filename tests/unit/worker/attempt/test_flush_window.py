"""How long events wait for those of other attempts, by the figures alone."""

import pytest

from worker.attempt.flush_window import ANSWERS, FREE_JOBS, MOST_JOBS, PAUSE_SECONDS, SLOW_SECONDS, FlushWindow

MOST, NOW = 0.1, 100.0
FAST, SLOW = 0.0005, 0.02


@pytest.fixture
def window() -> FlushWindow:
    """Of a worker that has just started."""
    return FlushWindow(MOST)


def answered(window: FlushWindow, took: float, jobs: int = 1, calls: int = 100, now: float = NOW) -> float:
    """The width after so many calls, each at the end of the window before it."""
    for _ in range(calls):
        now = max(now, window.ends_at)
        window.note_answer(now, now + took, jobs)
    return window.seconds


def test_events_wait_for_no_one_before_the_first_answer(window: FlushWindow) -> None:
    """An idle worker writes what comes at once."""
    assert (window.seconds, window.is_over(NOW)) == (0.0, True)


@pytest.mark.parametrize("took", [FAST, 0.05])
def test_while_redis_is_fast_events_wait_for_the_call_alone(window: FlushWindow, took: float) -> None:
    """Also where Redis is far away: its answers are all as slow."""
    window.note_answer(NOW, NOW + took, 1)

    assert (window.seconds, window.is_over(NOW + took)) == (0.0, True)
    assert window.pause_seconds == PAUSE_SECONDS


def test_slow_answers_widen_it_and_a_fast_one_narrows_it_again(window: FlushWindow) -> None:
    """By how much they are slower, up to the most."""
    assert answered(window, FAST) == 0.0
    assert answered(window, FAST + SLOW_SECONDS, calls=ANSWERS) == 0.0
    assert answered(window, FAST + SLOW_SECONDS + 0.003, calls=ANSWERS) == pytest.approx(0.03)
    assert answered(window, 30.0, calls=ANSWERS) == MOST
    assert answered(window, FAST, calls=1) == 0.0


def test_single_slow_answers_do_not_widen_it(window: FlushWindow) -> None:
    """On a busy machine some come late, and the next one is fast again."""
    answered(window, FAST)
    for _ in range(5):
        assert answered(window, SLOW, calls=ANSWERS - 1) == 0.0
        assert answered(window, FAST, calls=1) == 0.0


@pytest.mark.parametrize(
    ("jobs", "width"), [(0, 0), (FREE_JOBS, 0), (600, MOST / 2), (MOST_JOBS, MOST), (10 * MOST_JOBS, MOST)]
)
def test_it_grows_with_the_jobs_of_the_fleet(window: FlushWindow, jobs: int, width: float) -> None:
    """Each worker has few of them, and a Redis that answers fast all the same."""
    assert answered(window, FAST, jobs) == pytest.approx(width)


def test_readers_see_ten_pieces_a_second_of_the_widest(window: FlushWindow) -> None:
    """It is counted from the sending of a call to that of the next one."""
    window.note_answer(NOW, NOW + SLOW, MOST_JOBS)

    assert window.ends_at == pytest.approx(NOW + 0.1)


def test_what_was_urgent_does_not_make_the_others_wait_longer(window: FlushWindow) -> None:
    """First pieces of many short answers go out all the time; the others are due when they were."""
    window.note_answer(NOW, NOW + FAST, MOST_JOBS)
    for at in range(1, 9):
        assert not window.is_over(NOW + at / 100)
        window.note_answer(NOW + at / 100, NOW + at / 100 + FAST, MOST_JOBS)

    assert window.ends_at == pytest.approx(NOW + MOST)
    assert window.is_over(NOW + MOST)


def test_a_most_of_zero_never_waits() -> None:
    """LLAMAQ_FLUSH_MS=0, or LLAMAQ_FLUSH_MAX_MS=0: only the call under way is waited for."""
    window = FlushWindow(0)

    assert answered(window, SLOW, MOST_JOBS) == 0.0
    assert window.is_over(NOW)
    assert window.pause_seconds == 0
