"""Runs the same work in many threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def run_in_threads(count: int, work: Callable[[], None]) -> None:
    """Do the work in so many threads at once. Raises an exception of one of them."""
    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(work) for _ in range(count)]:
            done.result()
