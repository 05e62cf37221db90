"""The duties of a worker: one list, and whatever goes wrong in one of them, it goes on and the worker works."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from tests.integration.in_process import WAIT_SECONDS, InProcess, list_threads, run_in_process
from tests.service import wait_until
from worker.duties import health, heartbeat, inbox
from worker.duties.duty import Duty
from worker.preflight import redis_checks

NAMES = [
    duty.name for duty in InProcess("redis://127.0.0.1:1/0", "http://127.0.0.1:1", "none").worker.supervisor.duties
]

PAUSES = (
    *(f"worker.duties.{place}_SECONDS" for place in ("fleet_history.ROUND", "reaper.ROUND", "script_registry.ROUND")),
    *(f"worker.duties.{place}_SECONDS" for place in ("cancel_channel.LISTEN", "webhooks.LOOK", "duty.IDLE")),
    *(f"worker.attempt.{place}.IDLE_SECONDS" for place in ("timers", "event_writer")),
)
"""For how long an idle duty waits."""


class NeverSeen(Exception):
    """A class that the code does not know."""


@pytest.fixture(scope="module")
def process(redis_server: EmbeddedRedis) -> Iterator[InProcess]:
    """One worker for all of them."""
    with pytest.MonkeyPatch.context() as hurried, ScriptedOllama.start(slots=2) as ollama:
        hurried.setattr(heartbeat, "BEAT_SECONDS", 0.1)
        hurried.setattr(heartbeat, "MISSED_SECONDS", 3600)  # nobody consumes here
        hurried.setattr(Duty, "retry_seconds", 0.01)
        for pause in PAUSES:
            hurried.setattr(pause, 0.1)
        hurried.setattr(inbox, "BLOCK_MILLISECONDS", 100)
        hurried.setattr(inbox, "AGAIN_MILLISECONDS", 100)
        with run_in_process(redis_server.url, ollama.url, "test-duties") as started:
            yield started


def test_the_list_has_every_duty() -> None:
    """A class that is not in the worker's list would never be started."""
    ours = {kind.name for kind in Duty.__subclasses__() if kind.__module__.startswith("worker.")}

    assert ours == set(NAMES)
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_a_duty_goes_on_after_whatever_exception(
    name: str, process: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged and counted once, the next round follows, and a job completes."""
    duty = next(duty for duty in process.worker.supervisor.duties if duty.name == name)
    rounds, failed, went_on = duty.run_round, threading.Event(), threading.Event()

    def broken() -> float:
        if not failed.is_set():
            failed.set()
            raise NeverSeen("out of the blue")
        went_on.set()
        return rounds()

    before = process.count_failures(name)
    with capture_logs() as logs:
        monkeypatch.setattr(duty, "run_round", broken)
        process.run_job()  # gives the event writer and the timers something to do
        assert failed.wait(WAIT_SECONDS)
        assert went_on.wait(WAIT_SECONDS)
        assert process.run_job()

    assert before == 0
    assert process.count_failures(name) == 1
    assert [(line["duty"], type(line["exc_info"])) for line in logs if "exc_info" in line] == [(name, NeverSeen)]


def test_no_thread_is_left(redis_server: EmbeddedRedis, ollama: ScriptedOllama, prefix: str) -> None:
    """An orderly stop ends every thread that the worker has started."""
    before = list_threads()
    with run_in_process(redis_server.url, ollama.url, prefix) as process:
        started = list_threads() - before
        started = {thread for thread in started if thread.name != "llamaq-connect"}  # ends with its connection
        process.run_job()

    assert {thread.name for thread in started} == {f"llamaq-{name}" for name in NAMES}
    assert list_threads() - before == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_duty_that_goes_on_failing_is_told(
    name: str, process: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the metrics, by the preflight and by the liveness file, until it has had a good round again."""
    duty = next(duty for duty in process.worker.supervisor.duties if duty.name == name)
    alive, rounds, mended = tmp_path / "alive", duty.run_round, threading.Event()
    monkeypatch.setattr(health, "FAILING_SECONDS", 0.05)
    monkeypatch.setattr(process.worker.heartbeat, "_file", alive)

    def broken() -> float:
        if not mended.is_set():
            raise NeverSeen("again and again")
        return rounds()

    def findings() -> list[tuple[bool | None, str]]:
        found = [each for each in redis_checks.check_redis(process.config) if each.name == "duties"]
        return [(each.well, each.message) for each in found if f"{name} of the worker w1 on here" in each.message]

    monkeypatch.setattr(duty, "run_round", broken)
    with ThreadPoolExecutor(1) as beside:
        job = beside.submit(process.run_job)  # gives the event writer and the timers something to do
        try:
            wait_until(lambda: bool(findings()))
            process.worker.heartbeat.note_received()  # as when the message has come through Celery
            assert not alive.exists()
            assert process.read_failing_seconds(name) > 0.05
            assert findings()[0][0] is False
        finally:
            mended.set()
        assert job.result(WAIT_SECONDS)
    wait_until(lambda: process.read_failing_seconds(name) == 0)

    def is_well() -> bool:
        process.worker.heartbeat.note_received()
        return alive.exists()

    wait_until(is_well)  # on a slow machine another duty may be late for a moment
