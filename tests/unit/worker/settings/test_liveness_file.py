"""Whether the worker can touch its liveness file."""

import os
from pathlib import Path

import pytest

from worker.settings.liveness_file import find_problem


def test_without_a_file_nothing_has_to_be_writable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker runs also where its user may not write in the working directory, as in a read-only container."""
    monkeypatch.setattr(os, "access", lambda *_: False)

    assert find_problem("") is None


def test_a_file_that_may_not_be_written_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The reason tells whether it is the file or its directory."""
    file = tmp_path / "alive"
    assert find_problem(str(file)) is None
    monkeypatch.setattr(os, "access", lambda *_: False)

    assert find_problem(str(file)) == f"LLAMAQ_LIVENESS_FILE: {file}: this user may not write in its directory"
    file.touch()
    assert find_problem(str(file)) == f"LLAMAQ_LIVENESS_FILE: {file}: this user may not write it"
