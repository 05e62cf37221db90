"""All of it at once, for a short while; `python -m tests.chaos` does it for longer."""

import pytest

from tests.chaos.run import run

SECONDS = 20
SEED = 3


@pytest.mark.timeout(300)
def test_a_short_chaos_run() -> None:
    """Workers, hosts and Redis die, freeze and come back under traffic: every promise is kept."""
    done = run(SECONDS, SEED)

    print(done.table())  # noqa: T201 - shown where it fails
    assert done.verdict.breaches == []
    assert len(done.sent.accepted) > SECONDS
