"""What is wrong with the environment is told of the variable that was set."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.commands import run
from worker.preflight import report
from worker.settings.environment import Settings, describe_unknown_variables, load_settings

CHECKOUT = Path(__file__).parents[4]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in os.environ:
        if name.startswith(("LLAMAQ_", "OLLAMA_")):
            monkeypatch.delenv(name)
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def _refused() -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as refused:
        load_settings()
    return [("".join(map(str, problem["loc"])), problem["msg"]) for problem in refused.value.errors()]


@pytest.mark.parametrize(
    ("ours", "ollamas", "bad"),
    [
        ("LLAMAQ_SLOTS", "OLLAMA_NUM_PARALLEL", "x"),
        ("LLAMAQ_MAX_MODELS", "OLLAMA_MAX_LOADED_MODELS", "-1"),
        ("LLAMAQ_OLLAMA_URL", "OLLAMA_HOST", "ftp://x"),
    ],
)
def test_a_bad_variable_of_ollamas_is_named(ours: str, ollamas: str, bad: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks for a mistake in a variable that was never set; where both are set, ours was read."""
    monkeypatch.setenv(ollamas, bad)
    assert [name for name, _ in _refused()] == [ollamas]
    monkeypatch.setenv(ours, "")
    assert [name for name, _ in _refused()] == [ollamas]
    monkeypatch.setenv(ours, bad)
    assert [name for name, _ in _refused()] == [ours]


def test_what_is_wrong_between_two_variables_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither alone is the bad one."""
    monkeypatch.setenv("LLAMAQ_OLLAMA_TOKEN", "t")
    monkeypatch.setenv("LLAMAQ_OLLAMA_URL", "http://u:p@gpu")

    ((name, message),) = _refused()

    assert name == ""
    assert "LLAMAQ_OLLAMA_TOKEN" in message
    assert "LLAMAQ_OLLAMA_URL" in message


def test_the_error_quotes_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """A traceback may end in a log, and the value may be a secret."""
    monkeypatch.setenv("LLAMAQ_OLLAMA_TOKEN", "hunter2\N{SNOWMAN}")

    with pytest.raises(ValidationError) as refused:
        load_settings()

    assert "LLAMAQ_OLLAMA_TOKEN" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_the_command_names_ollamas_variable() -> None:
    """`run.py worker` ends with the line, without a traceback."""
    environment = {**os.environ, "OLLAMA_NUM_PARALLEL": "x"}
    done = run([sys.executable, "-m", "worker", "check"], cwd=CHECKOUT, env=environment)

    assert done.returncode == 2
    assert done.stderr.startswith("OLLAMA_NUM_PARALLEL: ")
    assert len(done.stderr.splitlines()) == 1


def test_the_preflight_minds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no fault that keeps a worker from working, but nearly always one that was not meant."""
    monkeypatch.setenv("LLAMAQ_MAXQUEUED", "60")

    finding = next(report.check(Settings()))

    assert finding.well is None
    assert finding.message == "LLAMAQ_MAXQUEUED is no setting; did you mean LLAMAQ_MAX_QUEUED?"


def test_names_in_small_letters_set_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A producer and the gateway do not read them either, and all of them tell which one was meant."""
    monkeypatch.setenv("llamaq_slots", "7")

    assert load_settings().slots == 1
    assert describe_unknown_variables() == ["llamaq_slots is no setting; did you mean LLAMAQ_SLOTS?"]
