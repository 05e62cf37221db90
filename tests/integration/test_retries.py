"""Failures that a second try may mend: the reader learns of each, and the text of the last attempt alone counts."""

from typing import Any

import pytest

from embedded.scripted.script import Fault
from llamaq import JobFailed, JobQueue, Restarted, StreamRestarted
from llamaq.settings.producer import Settings
from llamaq.vocabulary.events import Delta, Retrying, Started
from tests.conftest import MODEL, StartWorker
from tests.service import Service, kinds, last_text, list_retry_codes, read_until


def test_a_busy_host_is_asked_again(service: Service) -> None:
    """503 twice, then an answer: the job completes, whoever asked again."""
    service.ollama.script(status=503, body={"error": "server busy, please try again"}, times=2)
    service.ollama.script(tokens=["fine"])

    result = service.queue.generate(MODEL, "Why?").result(60)

    assert result.text == "fine"
    assert len(service.list_requests()) == 3


@pytest.mark.parametrize("fault", ["error", "end", "cut", "reset"])
def test_an_answer_that_breaks_off_is_begun_again(service: Service, fault: Fault) -> None:
    """An error line, an end without `done`, a cut or a reset: `retrying`, then attempt 2, whose text alone counts."""
    gate = service.hold(tokens=["bro", "ken"], hold_after=2, fault=fault)
    service.ollama.script(tokens=["whole", " now"])

    job = service.queue.generate(MODEL, "Why?")
    read_until(job, Delta)
    service.ollama.release(gate)
    events, result = list(job.events()), job.result(30)

    assert kinds(events) == ["queued", "started", "delta", "retrying", "started", "delta", "completed"]
    assert [event.attempt for event in events if isinstance(event, Started)] == [1, 2]
    assert list_retry_codes(events) == ["ollama_error"]
    assert result.text == last_text(events) == "whole now"
    assert (result.attempts, job.status().attempt) == (2, 2)


def test_garbage_in_the_answer_is_an_error_of_ollama(service: Service) -> None:
    """A line that is no JSON ends the job with `ollama_error`; nothing of it becomes text."""
    service.ollama.script(tokens=["a"], fault="garbage", times=3)

    job = service.queue.generate(MODEL, "Why?")
    with pytest.raises(JobFailed) as caught:
        job.result(60)

    assert caught.value.code == "ollama_error"
    assert last_text(list(job.events())) == "a"


def test_a_delay_comes_before_the_next_try(service: Service) -> None:
    """`retrying` tells how long it waits at the least, and the next attempt does not begin before."""
    service.ollama.script(tokens=["a"], fault="end")

    events = list(service.queue.generate(MODEL, "Why?").events())

    broken = next(event for event in events if isinstance(event, Retrying))
    again = next(event for event in events if isinstance(event, Started) and event.attempt == 2)
    assert broken.delay_seconds > 0
    # Stamps are cut to milliseconds.
    assert (again.at - broken.at).total_seconds() >= broken.delay_seconds - 0.002


def test_while_it_waits_for_its_next_try_the_slot_is_free(own_service: Service, start_worker: StartWorker) -> None:
    """A job between two attempts is `retrying`, and others use its slot."""
    start_worker()
    own_service.ollama.script(tokens=["a"], fault="end")
    job = own_service.queue.generate(MODEL, "Why?")
    read_until(job, Retrying)
    gate = own_service.hold(times=2, contains="hold")

    status = job.status()
    others = [own_service.queue.generate(MODEL, "hold") for _ in range(2)]
    own_service.wait_held(gate, 2)

    assert (status.state, status.attempt) == ("retrying", 1)
    own_service.ollama.release(gate)
    for other in others:
        other.result(30)
    assert job.result(30).attempts == 2


def test_the_last_attempt_fails_with_its_own_error(service: Service) -> None:
    """When the attempts are used up the job fails with the code of what went wrong; each was made."""
    service.ollama.script(tokens=["a"], fault="error", times=2)

    with JobQueue(service.url, settings=Settings(keys=service.keys, max_attempts=2)) as twice:
        job = twice.generate(MODEL, "Why?")
        with pytest.raises(JobFailed) as caught:
            job.result(30)

        assert caught.value.code == "ollama_error"
        assert caught.value.error.retryable
        assert kinds(list(job.events())) == [
            *("queued", "started", "delta", "retrying", "started", "delta", "failed"),
        ]
        assert job.status().attempt == 2
    assert len(service.list_requests()) == 2


def test_a_reader_of_text_learns_of_the_restart(service: Service) -> None:
    """Where what it gave became void, `text()` says so and goes on; or it raises, and is read on from the cursor."""
    service.ollama.script(tokens=["bro", "ken"], fault="end")
    service.ollama.script(tokens=["whole"])
    job = service.queue.generate(MODEL, "Why?")
    given: list[str] = []

    pieces = list(job.text())

    assert "".join(map(str, pieces)) == "broken\n[begins anew]\nwhole"
    assert [piece.attempt for piece in pieces if isinstance(piece, Restarted)] == [2]
    with pytest.raises(StreamRestarted) as caught:
        given.extend(job.text(on_restart="raise"))

    assert caught.value.attempt == 2
    assert "".join(job.text(after=caught.value.cursor, on_restart="raise")) == "whole"


def test_a_restart_before_any_text_does_not_disturb_the_reader(service: Service) -> None:
    """Where nothing was given, nothing is void: `text()` just goes on."""
    service.ollama.script(fault="error", fault_after=0)
    service.ollama.script(tokens=["whole"])

    assert "".join(service.queue.generate(MODEL, "Why?").text(on_restart="raise")) == "whole"


@pytest.mark.parametrize("fields", [{"chunk_bytes": 1}, {"chunk_bytes": 7}, {"chunk_bytes": 100_000}])
def test_the_text_survives_any_cut_of_the_bytes(service: Service, fields: dict[str, Any]) -> None:
    """However the body falls into chunks, across lines and characters, the text is whole."""
    tokens = ["Grüße", " aus", " 東京", " \U0001f999", '\n"quoted"\\', "\u2028"]
    service.ollama.script(tokens=tokens, **fields)

    job = service.queue.generate(MODEL, "Why?")

    assert job.result(30).text == last_text(list(job.events())) == "".join(tokens)
    assert all(event.text for event in job.events() if isinstance(event, Delta))
