"""Two versions of llamaq at one Redis: producers and workers of either run the scripts that the fleet has published."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import MODEL, Fleet, make_outcome
from llamaq import JobQueue, VersionMismatch
from llamaq.store import script_runs, scripts
from llamaq.store.connections.clients import connect
from llamaq.store.worker.outcome import Completed
from llamaq.store.worker.worker_scripts import Finish
from tests import commands
from tests.unit.store.begun import Begun
from tests.unit.store.job.attempts import Attempt
from worker.duties.script_registry import ScriptRegistry

CHECKOUT = Path(__file__).parents[3]
NEWER = {
    "scripts.py": [("STORE_VERSION = 2", "STORE_VERSION = 3")],
    # The new argument comes first, so that a call by position would hand each of the others to its neighbour.
    "producer_scripts.py": [('verb: ClassVar = "submit"\n', 'verb: ClassVar = "submit"\n    colour: str = ""\n')],
    "lua/producer/submit.lua": [
        ("'state', 'queued', 'kind'", "'submitted_by', '2', 'colour', given.colour, 'state', 'queued', 'kind'")
    ],
    "lua/worker/finish.lua": [
        ("local id, state", "redis.call('HSET', record(given.id), 'finished_by', '2')\nlocal id, state"),
    ],
}
PROGRAM = """
import json, sys
from embedded.scripted.fleet import MODEL, Fleet, make_outcome
from llamaq import VersionMismatch
from llamaq.store.script_drivers import run
from llamaq.store.producer_scripts import Submit
from worker.duties.script_registry import ScriptRegistry

url, prefix, *words = sys.argv[1:]
fleet = Fleet(url, prefix)
for word in words:
    match word.split("="):
        case ["publish"]:
            registry = ScriptRegistry(fleet.redis, fleet.keys)
            registry.load(), registry.publish()
        case ["report"]:
            fleet.add_host("alpha")
        case ["submit"]:
            print(fleet.submit().id)
        case ["complete", job_id]:
            store = fleet.open_store("alpha")
            store.complete(store.claim(job_id), make_outcome())
        case ["colour"]:
            Submit.__init__.__kwdefaults__["colour"] = "red"  # as a newer client would give it
            try:
                print(fleet.submit().id)
            except VersionMismatch as error:
                print(error)
"""

Run = Callable[..., list[str]]


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the SDK that is one version ahead."""
    folder = tmp_path_factory.mktemp("newer")
    shutil.copytree(CHECKOUT / "llamaq", folder / "llamaq", ignore=shutil.ignore_patterns("__pycache__"))
    for name, changes in NEWER.items():
        path = folder / "llamaq" / "store" / name
        text = path.read_text()
        for before, after in changes:
            assert text.count(before) == 1, (name, before)
            text = text.replace(before, after)
        path.write_text(text)
    return folder


@pytest.fixture
def run_newer(newer: Path, fleet: Fleet) -> Run:
    """Does things in a process of that version, and returns what it printed."""

    def run(*words: str) -> list[str]:
        # Hosts and versions live for 15 s, and the process may take that long to start.
        fleet.redis.persist(fleet.keys.store())
        for host in fleet.redis.zrange(fleet.keys.hosts(), 0, -1):
            fleet.redis.zadd(fleet.keys.hosts(), {host: time.time() + 3600})
        path = os.pathsep.join([str(newer), str(CHECKOUT)])
        command = [sys.executable, "-c", PROGRAM, fleet.url, fleet.keys.prefix, *words]
        environment = {**os.environ, "PYTHONPATH": path}
        done = commands.run(command, env=environment, cwd=newer, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


@pytest.fixture(autouse=True)
def forgets(fleet: Fleet) -> Iterator[None]:
    """What is remembered of a fleet goes with the test."""
    yield
    script_runs._published.pop(fleet.keys.prefix, None)


def publish(fleet: Fleet) -> bool:
    """As a worker of this version does each second."""
    registry = ScriptRegistry(fleet.redis, fleet.keys)
    registry.load()
    return registry.publish()


def store_of(fleet: Fleet) -> Any:
    return fleet.redis.hget(fleet.keys.store(), "version"), fleet.redis.hget(fleet.keys.store(), "digest")


def test_an_older_producer_runs_the_newer_fleets_scripts(fleet: Fleet, run_newer: Run) -> None:
    """It submits, is assigned by the newer scheduler, and its job runs through."""
    run_newer("publish", "report")

    job = fleet.submit()

    assert fleet.record(job.id)["submitted_by"] == "2"
    assert fleet.record(job.id)["colour"] == ""
    assert fleet.slots("alpha") == {job.id: MODEL}
    assert [message.job_id for message in fleet.take_messages("alpha")] == [job.id]
    run_newer(f"complete={job.id}")
    assert job.result(30).text == "hello"


def test_a_newer_producer_runs_the_older_fleets_scripts(fleet: Fleet, run_newer: Run) -> None:
    """Its own scheduler writes nothing: the older workers would not know it."""
    publish(fleet)
    store = fleet.add_host("alpha")

    (job_id,) = run_newer("submit")

    assert "submitted_by" not in fleet.record(job_id)
    claimed = store.claim(job_id)
    assert claimed is not None
    assert store.complete(claimed, make_outcome()) == "ok"
    assert "finished_by" not in fleet.record(job_id)


def test_a_newer_producer_is_told_what_the_older_fleet_cannot_do(fleet: Fleet, run_newer: Run) -> None:
    """What it asks for is not left out in silence: nothing is queued, and the error says whom to update."""
    publish(fleet)

    (said,) = run_newer("colour")

    assert "do not know colour of 'submit': update the workers first" in said
    assert fleet.redis.zcard(fleet.keys.jobs()) == 0


def test_workers_of_both_versions_run_the_newer_scripts(fleet: Fleet, run_newer: Run) -> None:
    """While they are replaced one by one: an older worker's end of a job is the newer scheduler's."""
    publish(fleet)
    store = fleet.add_host("alpha")
    before, claimed = fleet.start_job(store)
    store.complete(claimed, make_outcome())
    run_newer("publish")
    after, claimed = fleet.start_job(store)
    store.complete(claimed, make_outcome())

    assert "finished_by" not in fleet.record(before.id)
    assert fleet.record(after.id)["finished_by"] == "2"


def test_an_end_that_the_fleets_script_cannot_claim_with_is_written(fleet: Fleet, run_newer: Run) -> None:
    """The next job gets its message, as in the older version."""
    run_newer("publish")
    _without_next(fleet)
    store = fleet.add_host("alpha")
    store.direct = Begun()
    job, claimed = fleet.start_job(store)
    following = fleet.submit()
    fleet.take_messages()

    assert store.complete(claimed, make_outcome()) == "ok"

    assert fleet.record(job.id)["finished_by"] == "2"
    assert [message.job_id for message in fleet.take_messages()] == [following.id]
    assert store.direct.jobs == []


def _without_next(fleet: Fleet) -> None:
    """Publish an end that does not know the arguments of the next job."""
    field = f"{script_runs.SCRIPT_FIELD}finish"
    sha, *names = fleet.redis.hget(fleet.keys.store(), field).split()
    assert names[-4:] == ["next_fence", "worker", "members_of_next", "lease_seconds"]
    fleet.redis.hset(fleet.keys.store(), field, " ".join([sha, *names[:-4]]))


def test_the_higher_version_stays_published_while_a_worker_of_it_lives(fleet: Fleet, run_newer: Run) -> None:
    """An older worker does not take it back; once the newer ones are gone for a while, it does."""
    run_newer("publish")
    newer_one = store_of(fleet)
    assert not publish(fleet)
    assert store_of(fleet) == newer_one
    assert 0 < fleet.redis.ttl(fleet.keys.store()) <= 15
    job = fleet.submit()
    assert fleet.record(job.id)["submitted_by"] == "2"

    fleet.redis.delete(fleet.keys.store())  # as it expires
    publish(fleet)
    job = fleet.submit()
    assert store_of(fleet) == (str(scripts.STORE_VERSION), scripts.digest())
    assert "submitted_by" not in fleet.record(job.id)


def test_of_two_with_one_number_the_first_stays(fleet: Fleet) -> None:
    """Else each call would meet another version than the last."""
    publish(fleet)
    fleet.redis.hset(fleet.keys.store(), "digest", "another")

    publish(fleet)

    assert store_of(fleet) == (str(scripts.STORE_VERSION), "another")


def test_many_jobs_at_a_time_go_to_the_fleets_scripts(fleet: Fleet, run_newer: Run) -> None:
    """In one round trip, and in their order."""
    run_newer("publish")

    jobs = fleet.queue.submit_many([{"kind": "generate", "model": MODEL, "prompt": str(n)} for n in range(20)])

    prompts = [json.loads(fleet.record(job.id)["request"])["prompt"] for job in jobs]
    assert prompts == [str(number) for number in range(20)]
    assert {fleet.record(job.id)["submitted_by"] for job in jobs} == {"2"}


def test_a_script_of_the_fleet_that_redis_forgot_is_waited_for(
    redis_server: EmbeddedRedis, run_newer: Run, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its workers have its text. Where none comes, the error says so, and nothing was queued."""
    monkeypatch.setattr(script_runs, "POLL_SECONDS", 0)
    run_newer("publish")
    store = fleet.redis.hgetall(fleet.keys.store())
    name = "script:submit"
    fleet.redis.hset(fleet.keys.store(), name, " ".join(["0" * 40, *store[name].split()[1:]]))

    with JobQueue(fleet.url, prefix=fleet.keys.prefix) as queue:
        with pytest.raises(Exception, match="start a worker"):
            queue.generate(MODEL, "x", wait_for_model=True)
        fleet.redis.hset(fleet.keys.store(), mapping=store)
        assert fleet.record(queue.generate(MODEL, "x", wait_for_model=True).id)["submitted_by"] == "2"


def test_a_verb_that_the_fleet_does_not_have_is_refused(fleet: Fleet, run_newer: Run) -> None:
    """Its own script would be of another version."""
    run_newer("publish")
    fleet.redis.hdel(fleet.keys.store(), "script:submit")

    with pytest.raises(VersionMismatch, match="do not know 'submit': update the workers"):
        fleet.submit()


def test_without_a_fleet_each_runs_its_own(redis_server: EmbeddedRedis, prefix: str) -> None:
    """Before the first worker there is nobody to place anything."""
    with JobQueue(redis_server.url, prefix=prefix) as queue, connect(redis_server.url) as client:
        queue.generate(MODEL, "x")
        assert client.exists(f"{prefix}.store") == 0


def test_an_older_fleet_ends_the_job_of_a_newer_worker(fleet: Fleet, tmp_path: Path) -> None:
    """Its script does not know how many pieces there are, and reads the number of events from the record alone."""
    folder = tmp_path / "lua"
    shutil.copytree(scripts.LUA, folder)
    path = folder / "worker" / "finish.lua"
    counted = "flushed.number(job.flush, job.cursor, flushed.last(log(id)))"
    assert counted in path.read_text()
    path.write_text(path.read_text().replace(counted, "tonumber(job.flush)"))
    older = scripts.assemble("finish", tuple(name for name in Finish.names() if name != "pieces"), folder)
    attempt = Attempt(fleet)
    attempt.say("second", "third")
    fleet.redis.script_load(older.text)
    store = {"digest": scripts.digest(folder), "version": "1", "script:finish": script_runs.encode_published(older)}
    fleet.redis.hset(fleet.keys.store(), mapping=store)

    assert attempt.store.complete(attempt.claimed, Completed(make_outcome().result, events=3, pieces=3)) == "ok"

    record = fleet.record(attempt.job.id)
    assert (record["state"], record["pieces"]) == ("completed", "3")
