"""What the bench of the gateway makes of its figures, and of a proxy that does not install."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench.environment import venvs
from bench.environment.venvs import NotInstalled, install
from bench.figures.page import replace_parts
from bench.figures.results import Results
from bench.gateway import report, rivals
from bench.gateway.__main__ import PAGE
from bench.gateway.rivals import LITELLM, OLLAMA_QUEUE_PROXY

PLAIN = {"day": "1970-01-01", "processor": "P", "cores": 2, "python": "3", "redis": "r", "load": 0, "load_at_end": 1}
MEASURED: dict[str, dict[str, float]] = {
    "first_p50_ms": {"direct": 0, "sdk": 3, "gateway": 3.5, "LiteLLM": 20},
    "first_p99_ms": {"direct": 2, "sdk": 9, "gateway": 9.5, "LiteLLM": 80},
    "token_p50_ms": {"direct": 0.1, "sdk": 1, "gateway": 2.04, "LiteLLM": 200},
    "proxy_us": {"gateway": 81.2, "LiteLLM": 900},
    "crowd_pss_mb": {"gateway": 150},
    "idle_pss_mb": {"gateway": 70},
}


@pytest.fixture
def results() -> Results:
    """Results of one round, in which one proxy was installed and the other not."""
    made = Results(
        about={
            **PLAIN,
            "packages": {"celery": "5"},
            "rivals": {"LiteLLM": "1.2.3", "ollama-queue-proxy": "not measured: no such file"},
        }
    )
    for metric, paths in MEASURED.items():
        for path, value in paths.items():
            made.add(metric, path, value)
    return made


def test_the_page_has_what_was_measured_and_names_what_was_not(results: Results) -> None:
    """Nothing is left to fill in; a proxy that was not measured has its reason, and no column."""
    page = replace_parts(PAGE.read_text(), report.parts(results))

    assert "* LiteLLM: 1.2.3" in page
    assert "* ollama-queue-proxy: not measured: no such file" in page
    assert "|  | direct | SDK | gateway | LiteLLM | target |" in page
    assert "| CPU of the proxy per token, µs | - | - | 81 | 900 | ≤ 80 |" in page
    assert "| memory: idle / with the streams, MB | 70 / 150 | ≤ 200 |" in page


def test_a_target_is_missed_by_what_is_shown(results: Results) -> None:
    """Of the gateway alone: 2.04 is shown as 2.0, which is the target."""
    assert report.misses(results) == "* CPU of the proxy per token, µs: 81, target ≤ 80"

    results.values["proxy_us"]["gateway"] = [80.4]
    assert report.misses(results) == "Every target was reached."


def test_a_run_of_one_measure_prints_no_empty_table(results: Results) -> None:
    """`--only first_token` has nothing of the crowd."""
    del results.values["crowd_pss_mb"], results.values["idle_pss_mb"]

    assert report.tables(results) == [report.table(results), report.rivals(results), report.misses(results)]


def _pip(error: str) -> Any:
    """A `subprocess.run` that makes venvs, and whose pip says this; without an error it installs."""

    def run(command: list[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        if "venv" in command:
            (Path(command[-1]) / "bin").mkdir(parents=True, exist_ok=True)
            return subprocess.CompletedProcess(command, 0, "", "")
        return subprocess.CompletedProcess(command, int(bool(error)), "1.2.3\n", f"WARNING: slow\n{error}\n")

    return run


def test_a_proxy_that_does_not_install_has_the_reason_of_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is tried again by the next run; once installed it stays."""
    monkeypatch.setattr(venvs, "VENVS", tmp_path)
    monkeypatch.setattr(subprocess, "run", _pip("ERROR: No matching distribution found for x"))
    with pytest.raises(NotInstalled, match=r"^No matching distribution found for x$"):
        install("x[y]")
    rivals.found.cache_clear()
    found = rivals.found(OLLAMA_QUEUE_PROXY)
    assert found.python is None
    assert found.what == "not measured: pip could not install it (No matching distribution found for x)"

    monkeypatch.setattr(subprocess, "run", _pip(""))
    assert install("x[y]") == tmp_path / "x-y-" / "bin" / "python"
    assert rivals.found(LITELLM).what == "1.2.3"
    monkeypatch.setattr(subprocess, "run", _pip("ERROR: it is not called again"))
    assert install("x[y]") == tmp_path / "x-y-" / "bin" / "python"
    rivals.found.cache_clear()
