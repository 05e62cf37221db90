"""The table that decides about failures."""

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


def test_the_codes_are_those_that_producers_know() -> None:
    """A new code would be a change of the wire."""
    assert {meaning.code for meaning in FAILURES.values()} == CODES
