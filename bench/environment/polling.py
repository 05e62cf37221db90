"""Waits for a condition, with a limit."""

import time
from collections.abc import Callable

READY_SECONDS = 60.0
POLL_SECONDS = 0.05


def wait_until(
    reached: Callable[[], bool], what: str, *, check: Callable[[], None] | None = None, seconds: float = READY_SECONDS
) -> None:
    """Poll the condition until it holds.

    Args:
        reached: the condition.
        what: names what is waited for, for the error.
        check: called at each poll; raises where waiting is of no use.
        seconds: the limit.

    Raises:
        TimeoutError: the condition did not hold in time.
    """
    limit = time.monotonic() + seconds
    while not reached():
        if check is not None:
            check()
        if time.monotonic() > limit:
            raise TimeoutError(f"not reached after {seconds:.0f} s: {what}")
        time.sleep(POLL_SECONDS)
