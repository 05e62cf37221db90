"""All of it at once, for a short while; `run.py chaos` does it for longer."""

from typing import get_args

import pytest

from tests.chaos.plan import What, draw
from tests.chaos.run import run

SECONDS = 12
SEED = 294772
"""Of a plan that has a fault of each kind within this time."""


@pytest.mark.needs("libfaketime", "redis-server 7")
@pytest.mark.timeout(300)
def test_a_short_chaos_run() -> None:
    """Workers, hosts and Redis die, freeze, go back in time and come back under traffic: every promise is kept."""
    assert {step.what for step in draw(SEED, SECONDS)} == set(get_args(What))

    done = run(SECONDS, SEED)

    print(done.render_table())  # noqa: T201 - shown where it fails
    assert done.injected.counts.keys() == set(get_args(What))
    assert done.findings.breaches == []
    assert len(done.sent.accepted) > SECONDS
