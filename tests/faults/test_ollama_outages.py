"""Ollama goes away and comes back."""

from llamaq.vocabulary.events import Delta, Retrying
from tests.changed_worker import SOON, command
from tests.conftest import MODEL
from tests.faults.assertions import assert_completed
from tests.faults.site import Site
from tests.service import list_retry_codes, read_until, wait_until

DEFAULT_TRIES = 3


def test_killed_in_the_middle_and_started_again(own_site: Site) -> None:
    """What it was saying is begun again once it is back; what waited for it runs."""
    own_site.start_worker(probe_seconds=0.5)
    own_site.hold(tokens=["half ", "an ", "answer"], hold_after=2, times=2)
    jobs = [own_site.queue.generate(MODEL, f"job {number}") for number in range(4)]
    for job in jobs[:2]:
        read_until(job, Delta)

    own_site.ollama.kill()
    for job in jobs[:2]:
        read_until(job, Retrying)
    own_site.ollama.restart()

    for job in jobs[:2]:
        events = assert_completed(job, attempt=job.result(60).attempts, text="Hello from the script.")
        assert list_retry_codes(events)[0] == "ollama_error"
    for job in jobs[2:]:
        job.result(60)


def test_refusing_connections(own_site: Site) -> None:
    """A job that was given to a host just gone is `retrying` with `ollama_unavailable`, and waits for its return."""
    own_site.start_worker()
    own_site.ollama.kill()
    job = own_site.queue.generate(MODEL, "Why?")
    read_until(job, Retrying)
    wait_until(lambda: [host.circuit for host in own_site.queue.hosts()] == ["open"])
    late = own_site.queue.generate(MODEL, "late", wait_for_model=True)

    own_site.ollama.restart()

    events = assert_completed(job, attempt=2)
    assert list_retry_codes(events) == ["ollama_unavailable"]
    assert_completed(late, attempt=1)


def test_busy_for_longer_than_any_number_of_tries(own_site: Site) -> None:
    """503 for more attempts than the default number of tries: such attempts are no tries, and the jobs complete."""
    own_site.start_worker(command(SOON))
    own_site.ollama.script(status=503, body={"error": "server busy, please try again"}, times=None)
    jobs = [own_site.queue.generate(MODEL, f"job {number}") for number in range(2)]
    wait_until(lambda: jobs[0].status().attempt > DEFAULT_TRIES)
    assert {job.status().state for job in jobs} <= {"queued", "retrying", "running"}

    own_site.ollama.clear()

    for job in jobs:
        events = assert_completed(job, attempt=job.result(60).attempts, text="Hello from the script.")
        assert set(list_retry_codes(events)) <= {"ollama_unavailable"}
    assert jobs[0].result().attempts > DEFAULT_TRIES
