"""The bench of scaling runs, and its page can be written from what it saves."""

import sys
from pathlib import Path

import pytest

from bench.figures.results import Results
from bench.scaling.figures import report
from tests.commands import run

CHECKOUT = Path(__file__).parents[2]
MAX_WAIT_SECONDS = 280


@pytest.mark.timeout(300)
def test_a_quick_run_measures_all_that_the_page_shows(tmp_path: Path) -> None:
    """`python -m bench.scaling --quick --save FILE`: real workers, every measure; the page lacks no figure."""
    saved = tmp_path / "results.json"
    command = [sys.executable, "-m", "bench.scaling", "--quick", "--save", str(saved)]
    done = run(command, cwd=CHECKOUT, timeout=MAX_WAIT_SECONDS)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "| workers and hosts |" in done.stdout
    page = report.document(Results.load(saved))
    assert "What one Redis can carry" in page
    assert "$" not in page
