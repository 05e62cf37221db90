"""The note of a job: a text of the producer that is kept as long as the job, and that is no part of its request."""

import pytest

from llamaq import InvalidRequest, JobNotFound, JobQueue
from llamaq.admission.limits import MOST_NOTE

REQUEST = {"kind": "generate", "model": "m", "prompt": "x", "wait_for_model": True}


def test_a_job_gives_back_its_request_and_its_note(queue: JobQueue) -> None:
    """What was submitted is read by any process; the note is in the record alone."""
    noted, plain = queue.submit_many([{**REQUEST, "note": '{"é": 1}'}, REQUEST])

    asked = queue.job(noted.id).request()

    assert (asked.kind, asked.request["prompt"], asked.note) == ("generate", "x", '{"é": 1}')
    assert "note" not in asked.request
    assert noted.status().metadata == {}
    assert plain.request().note == ""


def test_an_unknown_job_has_no_request(queue: JobQueue) -> None:
    """It is named, as by `status`."""
    with pytest.raises(JobNotFound, match="unknown"):
        queue.job("unknown").request()


@pytest.mark.parametrize("note", ["x" * (MOST_NOTE + 1), 7, None])
def test_a_note_that_is_no_text_or_too_long_is_refused(queue: JobQueue, note: object) -> None:
    """Before anything is queued."""
    with pytest.raises(InvalidRequest, match="note: give a text of at most"):
        queue.submit({**REQUEST, "note": note})
    assert queue.jobs() == []
