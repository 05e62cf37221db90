"""The bench of the gateway runs, and its page can be written from what it saves."""

from pathlib import Path

import pytest

from bench.figures.page import replace_parts
from bench.figures.results import Results
from bench.gateway import report
from bench.gateway.__main__ import PAGE, main
from tests.integration.benches import run_bench


@pytest.mark.timeout(180)
def test_a_quick_run_measures_each_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Real processes, each reader: all have what they are asked for; the page is made of it."""
    saved = tmp_path / "results.json"

    run_bench(monkeypatch, main, "--quick", "--only", "streams", "--save", saved)

    results = Results.load(saved)
    for metric in ("token_p50_ms", "tokens_per_second"):
        assert set(results.values[metric]) == {"direct", "sdk", "gateway", "gateway-openai"}
    assert "other proxies: not measured in this run" in capsys.readouterr().out
    assert "Measured on" in replace_parts(PAGE.read_text(), report.parts(results))
