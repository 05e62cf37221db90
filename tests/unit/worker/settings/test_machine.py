"""The id of the machine that a worker reports with its host."""

import socket
from pathlib import Path

import pytest

from worker.settings import ollama_address
from worker.settings.ollama_address import identity, machine

LOCAL = "http://127.0.0.1:11434"


def test_only_a_server_of_this_machine_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a host elsewhere, nor one that an operator has named, which may be behind a tunnel."""
    monkeypatch.setattr(ollama_address, "BOOT_ID", tmp_path / "boot_id")
    assert machine(LOCAL, identity(LOCAL)) == "", "a system without such an id"
    (tmp_path / "boot_id").write_text("an-id\n")

    assert identity(LOCAL) == f"{socket.gethostname()}:11434"
    assert machine(LOCAL, identity(LOCAL)) == "an-id"
    assert machine(LOCAL, "shared") == ""
    assert machine("http://gpu:11434", "gpu:11434") == ""
