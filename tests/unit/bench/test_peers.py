"""Other task queues beside llamaq: what was timed, and why one was not."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from bench.environment.polling import wait_until
from bench.environment.venvs import NotInstalled
from bench.environment.workers import WorkerProcess, process_tree
from bench.figures import report
from bench.figures.results import Results
from bench.measures import peers
from bench.plan import QUICK


def test_what_is_not_measured_has_its_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pip refused it, or its program failed; the others are in the table."""

    def installed(*packages: str) -> Path:
        if "rq" in packages:
            raise NotInstalled("no such package")
        program = tmp_path / "python"
        program.write_text("#!/bin/sh\nif [ $2 = arq ]; then echo 'an error' >&2; exit 1; fi\nprintf '1.0\\n3.0\\n'\n")
        program.chmod(0o755)
        return program

    monkeypatch.setattr(peers, "install", installed)
    results = Results()
    results.add("submit_ms", "llamaq", 0.5)
    for name, python in peers.pythons(results).items():
        peers.submits(python, name, "redis://nowhere", QUICK, results)

    lines = report.peers(results).splitlines()
    assert lines[0] == "|  | llamaq | taskiq | dramatiq |"
    assert lines[2] == "| submit, ms per job | 0.50 | 1.00 | 1.00 |"
    assert lines[4:] == [
        "* rq: not measured: pip could not install it (no such package)",
        "* arq: not measured: an error",
    ]


def test_a_worker_ends_with_the_processes_that_it_has_started() -> None:
    """Other task queues run their tasks in processes below the one that is started: none outlives the measure."""
    worker = WorkerProcess(["sleep 60 & sleep 60 & wait"], {}, program=["sh", "-c"])
    with worker:
        wait_until(lambda: len(process_tree(worker.pid)) == 3, "both children")
        started = process_tree(worker.pid)

    gone, alive = psutil.wait_procs(started, 10)
    assert (len(gone), alive) == (3, [])


def test_a_queue_that_has_no_worker_has_no_path() -> None:
    """What pip did not install is left out of the streams."""
    on: Any = SimpleNamespace(workers={"llamaq": None, "naive": None, "taskiq": None})

    assert list(peers.paths(on)) == ["direct", "naive", "llamaq", "llamaq-sdk", "taskiq"]
