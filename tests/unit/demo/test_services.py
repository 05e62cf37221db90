"""The demo brings a language model only where no Ollama answers."""

import importlib.util
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import services
from embedded.scripted import ScriptedOllama
from worker.settings.environment import Settings

RUN = "import pathlib, sys; pathlib.Path(__file__).with_name('asked').write_text(' '.join(sys.argv[1:])); sys.exit(1)"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """There once run.py was asked for the model's runtime, which is not installed, and does not come either."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "xllamacpp" else found(name))
    (tmp_path / "run.py").write_text(RUN)
    monkeypatch.setattr(services, "_RUN", tmp_path / "run.py")
    return tmp_path / "asked"


@pytest.fixture
def nobody() -> Iterator[str]:
    """A URL at which nothing answers."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound, never listening: connections are refused
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def test_an_ollama_that_answers_is_used_and_no_runtime_fetched(ollama: ScriptedOllama, asked: Path) -> None:
    """Neither the 34 MB nor the weights are asked for."""
    with services.provide_ollama(Settings(ollama_url=ollama.url)) as part:
        assert (part.url, part.ours) == (ollama.url, False)
    assert not asked.exists()


def test_where_none_answers_run_py_brings_the_runtime(nobody: str, asked: Path) -> None:
    """It is asked for the model, and where it fails the demo ends with one line after what run.py said."""
    with (
        pytest.raises(services.ServiceMissing, match="could not be set up, see above"),
        services.provide_ollama(Settings(ollama_url=nobody)),
    ):
        pass
    assert asked.read_text() == "model"
