"""jobs.lua: the kept jobs that a filter lets through, in pages, with a bounded look at those that are kept."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from embedded.scripted.fleet import MODEL, Fleet, make_error, make_outcome
from llamaq import InvalidRequest, Job, JobPage
from llamaq.client import job_lists
from llamaq.store.answers import Answer
from llamaq.store.worker.outcome import Error
from llamaq.vocabulary.wait_reason import Why

YEARS = timedelta(days=4000)
NAMES = ("completed", "failed", "timed_out", "running", "other", "pull", "embedding", "waits")


def _ids(jobs: list[Any]) -> list[str]:
    return [job.id for job in jobs]


def _mixed(fleet: Fleet) -> dict[str, Job[Any]]:
    """One job of each sort, the oldest first."""
    store = fleet.add_host(slots=2)
    completed, claimed = fleet.start_job(store, tenant="x")
    store.complete(claimed, make_outcome())
    failed, claimed = fleet.start_job(store, tenant="y", priority="batch")
    store.fail(claimed, Error("internal", 'it said "code":"timed_out"'))
    timed_out, claimed = fleet.start_job(store)
    store.fail(claimed, make_error("timed_out"))
    running, _ = fleet.start_job(store, tenant="x")
    other = fleet.submit("other", tenant="x")
    pull = fleet.queue.pull("Other")
    embedding = fleet.queue.embed(MODEL, ["a"], priority="interactive", wait_for_model=True)
    found = (completed, failed, timed_out, running, other, pull, embedding, fleet.submit())
    return dict(zip(NAMES, found, strict=True))


@pytest.mark.parametrize(
    ("which", "found"),
    [
        ({}, "waits embedding pull other running timed_out failed completed"),
        ({"state": "running"}, "running"),
        ({"state": ["failed", "completed"]}, "timed_out failed completed"),
        ({"state": ["queued"], "tenant": "x"}, "other"),
        ({"model": "OTHER:latest"}, "pull other"),
        ({"kind": "embedding"}, "embedding"),
        ({"tenant": "x"}, "other running completed"),
        ({"lane": "batch"}, "failed"),
        ({"code": "timed_out"}, "timed_out"),
        ({"code": "internal"}, "failed"),
        ({"since": datetime.now(UTC) - YEARS, "until": datetime.now(UTC) + YEARS, "tenant": "y"}, "failed"),
        ({"until": datetime.now(UTC) - YEARS}, ""),
        ({"since": datetime.now(UTC) + YEARS}, ""),
    ],
)
def test_all_that_is_asked_for_holds(fleet: Fleet, which: dict[str, Any], found: str) -> None:
    """State, kind, model (of a host job too), tenant, lane, error code and time, the newest first."""
    jobs = _mixed(fleet)

    page = fleet.queue.jobs(**which)

    assert _ids(page) == [jobs[name].id for name in found.split()]
    assert page.cursor is None


def test_times_are_those_of_the_submit(fleet: Fleet) -> None:
    """`since` counts the very time, `until` does not."""
    jobs = [fleet.submit() for _ in range(3)]
    for number, job in enumerate(jobs):
        fleet.redis.zadd(fleet.keys.jobs(), {job.id: 1000 + number})
    moment = datetime.fromtimestamp(1001, UTC)

    assert _ids(fleet.queue.jobs(since=moment)) == _ids(jobs[:0:-1])
    assert _ids(fleet.queue.jobs(until=moment)) == _ids(jobs[:1])


def test_a_list_goes_on_behind_its_cursor(fleet: Fleet) -> None:
    """No job twice and none missing, also where others came, or where the job at the cursor is gone meanwhile."""
    jobs = [fleet.submit() for _ in range(7)][::-1]
    first = fleet.queue.jobs(3)
    assert (_ids(first), first.cursor is None) == (_ids(jobs[:3]), False)

    fleet.submit()
    second = fleet.queue.jobs(2, after=first.cursor)
    assert _ids(second) == _ids(jobs[3:5])
    fleet.queue.delete(jobs[4].id)
    third = fleet.queue.jobs(50, after=second.cursor)
    assert (_ids(third), third.cursor) == (_ids(jobs[5:]), None)


def test_jobs_of_one_moment_are_listed_once_each(fleet: Fleet) -> None:
    """Redis' clock may have been set: then several have the same time."""
    ids = {fleet.submit().id for _ in range(5)}
    fleet.redis.zadd(fleet.keys.jobs(), dict.fromkeys(ids, 1000))
    found: list[str] = []
    cursor = None
    while len(found) < len(ids):
        page = fleet.queue.jobs(2, after=cursor)
        found += _ids(page)
        cursor = page.cursor

    assert (set(found), len(found), cursor) == (ids, len(ids), None)


def test_one_call_looks_at_a_bounded_number_of_jobs(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script looks at a page. With `look_at` so does the list, which is short then and says where to go on."""
    rare = fleet.submit(tenant="rare")
    for _ in range(6):
        fleet.submit()
    asked: list[int] = []

    def read(found: Answer) -> JobPage:
        asked.append(1)
        return job_lists.read_jobs(found)

    monkeypatch.setattr("llamaq.client.blocking.operations.PAGE", 2)
    monkeypatch.setattr("llamaq.client.blocking.operations.read_jobs", read)

    page = fleet.queue.jobs(tenant="rare", look_at=3)
    assert (list(page), page.cursor is None, len(asked)) == ([], False, 2)
    assert _ids(fleet.queue.jobs(tenant="rare", after=page.cursor)) == [rare.id]
    assert len(asked) == 2 + 3, "two pages, and one that finds the end"
    assert _ids(fleet.queue.jobs(tenant="rare")) == [rare.id]


def test_a_list_says_why_each_job_waits_and_has_no_results(fleet: Fleet) -> None:
    """A result may have megabytes, of each of many jobs; the rest is as in the status of the one job."""
    store = fleet.add_host()
    done, claimed = fleet.start_job(store, tenant="t", priority="batch")
    store.complete(claimed, make_outcome())
    running, _ = fleet.start_job(store)
    waits = fleet.submit(metadata={"a": "b"})

    listed = {status.id: status for status in fleet.queue.jobs()}

    assert listed[done.id] == done.status().model_copy(update={"result": None})
    assert (listed[done.id].tenant, listed[done.id].lane, listed[done.id].worker) == ("t", "batch", "w1")
    assert listed[waits.id] == waits.status()
    assert listed[waits.id].why == Why.of("busy")
    assert listed[running.id].why is None


def test_a_damaged_record_is_left_out(fleet: Fleet) -> None:
    """Whether it lacks a field, has another type, or no JSON where there has to be one."""
    jobs = [fleet.submit() for _ in range(5)]
    record = fleet.keys.record
    fleet.redis.hdel(record(jobs[0].id), "lane")
    fleet.redis.hset(record(jobs[1].id), "metadata", "{")
    fleet.redis.delete(record(jobs[2].id))
    fleet.redis.set(record(jobs[2].id), "x")
    fleet.redis.hset(record(jobs[3].id), mapping={"v": "x", "error": json.dumps(["no object"])})

    assert _ids(fleet.queue.jobs()) == [jobs[4].id]
    assert fleet.queue.jobs(code="internal") == JobPage()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"look_at": 0}, "look_at"),
        ({"after": "x"}, "after"),
        ({"after": "1 2:x"}, "after"),
        ({"after": "1:a b"}, "after"),
        ({"state": "done"}, "state"),
        ({"kind": "x"}, "kind"),
        ({"lane": "x"}, "lane"),
        ({"tenant": "a b"}, "tenant"),
        ({"model": ""}, "model"),
        ({"code": "No"}, "code"),
        ({"since": datetime(2026, 1, 1)}, "since"),  # noqa: DTZ001 - without a zone it could be any time
        ({"until": "yesterday"}, "until"),
    ],
)
def test_what_is_wrong_is_named(fleet: Fleet, given: dict[str, Any], field: str) -> None:
    """Before anything is asked of Redis."""
    with pytest.raises(InvalidRequest) as refused:
        fleet.queue.jobs(**given)
    assert refused.value.problems[0].field.split(".")[0] == field
