"""The bench of the gateway runs, and its page can be written from what it saves."""

import sys
from pathlib import Path

import pytest

from bench.figures.results import Results
from bench.gateway import report
from tests.commands import run

CHECKOUT = Path(__file__).parents[2]
MAX_WAIT_SECONDS = 160


@pytest.mark.timeout(180)
def test_a_quick_run_measures_each_path(tmp_path: Path) -> None:
    """Real processes, each reader: all have what they are asked for; the page is made of it."""
    saved = tmp_path / "results.json"
    command = [sys.executable, "-m", "bench.gateway", "--quick", "--only", "streams", "--save", str(saved)]
    done = run(command, cwd=CHECKOUT, timeout=MAX_WAIT_SECONDS)

    assert done.returncode == 0, done.stdout + done.stderr
    results = Results.load(saved)
    for metric in ("token_p50_ms", "tokens_per_second"):
        assert set(results.values[metric]) == {"direct", "sdk", "gateway", "gateway-openai"}
    assert "other proxies: not measured in this run" in done.stdout
    assert "$" not in report.document(results)
