"""How long a request wants its answer to wait: the header `Prefer`."""

import pytest

from gateway.jobs.job_routes import _parse_wait


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("wait=30", 30),
        ("Wait = 30", 30),
        ('respond-async, wait="5"', 5),
        ("return=minimal; WAIT=7", 7),
        ("wait=99999", 600),
        ("await=3", 0),
        ("wait=x", 0),
        ("", 0),
    ],
)
def test_prefer_is_read_however_it_is_spelt(given: str, seconds: float) -> None:
    """Names of preferences have no case (RFC 7240); what is not understood waits for nothing."""
    assert (_parse_wait(given) or 0) == seconds
