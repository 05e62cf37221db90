"""The bench of scaling runs, and its page can be written from what it saves."""

from pathlib import Path

import pytest

from bench.figures.page import replace_parts
from bench.figures.results import Results
from bench.scaling.__main__ import DOCS, main
from bench.scaling.figures import report
from tests.integration.benches import run_bench


@pytest.mark.timeout(300)
def test_a_quick_run_measures_all_that_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m bench.scaling --quick --save FILE`: real workers, every measure; the page lacks no figure."""
    saved = tmp_path / "results.json"

    run_bench(monkeypatch, main, "--quick", "--save", saved)

    assert "| workers and hosts |" in capsys.readouterr().out
    page = replace_parts((DOCS / "scaling.md").read_text(), report.parts(Results.load(saved)))
    assert "$" not in page
