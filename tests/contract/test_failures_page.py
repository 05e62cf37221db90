"""The page on failures: equal to the table that decides about them."""

from docs.failures import PAGE, page
from tasks.attempt.failures import FAILURES

CODES = {
    "attempts_exhausted",
    "context_overflow",
    "internal",
    "invalid_output",
    "invalid_request",
    "model_not_found",
    "ollama_error",
    "ollama_unavailable",
    "timed_out",
    "unsupported",
}


def test_the_page_is_that_of_the_table() -> None:
    """After a change that is meant: `python3 run.py generate`."""
    assert PAGE.read_text("utf-8") == page(), "write it anew: python -m docs.failures"


def test_the_codes_are_those_that_producers_know() -> None:
    """A new code would be a change of the wire."""
    assert {meaning.code for meaning in FAILURES.values()} == CODES
