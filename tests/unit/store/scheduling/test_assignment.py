"""The assignment of slots: how many, to whom, and in which order."""

import pytest

from embedded.scripted.fleet import MODEL, PATIENCE, Fleet, make_outcome
from llamaq.store import scripts
from llamaq.store.fleet import LIVE_SECONDS


def test_no_more_jobs_than_slots_are_placed(fleet: Fleet) -> None:
    """A host with two slots gets two of three jobs; the third follows when one ends."""
    store = fleet.add_host(slots=2)
    first, second, third = (fleet.submit() for _ in range(3))
    assert set(fleet.slots()) == {first.id, second.id}
    fleet.take_messages()

    store.complete(fleet.claim(store, first), make_outcome())

    assert [message.job_id for message in fleet.take_messages()] == [third.id]
    assert set(fleet.slots()) == {second.id, third.id}


def test_each_model_has_the_slots_for_itself_up_to_the_most_models(fleet: Fleet) -> None:
    """LLAMAQ_SLOTS counts per model, LLAMAQ_MAX_MODELS the models that run at a time."""
    store = fleet.add_host(slots=2, max_models=2, models=["a:latest", "b:latest", "c:latest"])
    jobs = {name: [fleet.submit(name) for _ in range(3)] for name in "abc"}
    for loaded in (["a:latest"], ["a:latest", "b:latest"]):
        store.report(2, 2, "{}", ["a:latest", "b:latest", "c:latest"], loaded=loaded, **PATIENCE)

    held = fleet.slots()

    assert sorted(held.values()) == ["a:latest"] * 2 + ["b:latest"] * 2
    assert not set(held) & {job.id for job in jobs["c"]}


def test_a_model_waits_until_another_has_left_the_host(fleet: Fleet) -> None:
    """With one model at a time, the second model's job is assigned when the first model's last job has ended."""
    store = fleet.add_host(models=["a:latest", "b:latest"], slots=2)
    one, two, other = fleet.submit("a"), fleet.submit("a"), fleet.submit("b")
    store.complete(fleet.claim(store, one), make_outcome())
    assert other.id not in fleet.slots()

    store.complete(fleet.claim(store, two), make_outcome())

    assert list(fleet.slots()) == [other.id]


def test_higher_lanes_go_first_and_within_a_lane_the_earlier(fleet: Fleet) -> None:
    """interactive, then normal, then batch; in each the order of the submits, over all models, if without patience."""
    store = fleet.add_host(models=["a:latest", "b:latest"], patience=0)
    running = fleet.submit("a")
    lanes = [("a", "batch"), ("b", "normal"), ("a", "normal"), ("b", "interactive"), ("a", "interactive")]
    jobs = [fleet.submit(model, priority=lane) for model, lane in lanes]
    order = [message.job_id for message in fleet.take_messages()]

    for job in [running, *(jobs[index] for index in (3, 4, 1, 2, 0))]:
        store.complete(fleet.claim(store, job), make_outcome())
        order += [message.job_id for message in fleet.take_messages()]

    assert order == [running.id, *(jobs[index].id for index in (3, 4, 1, 2, 0))]


def test_the_position_counts_higher_lanes_and_those_before(fleet: Fleet) -> None:
    """`position` is the number of jobs that go first."""
    batch, normal, first, second = (
        fleet.submit(priority=lane) for lane in ("batch", "normal", "interactive", "interactive")
    )

    positions = [job.status().position for job in (first, second, normal, batch)]

    assert positions == [0, 1, 2, 3]
    assert [fleet.log(job.id)[0]["position"] for job in (batch, normal, first, second)] == [0, 0, 0, 1]


def test_only_hosts_that_report_get_jobs(fleet: Fleet) -> None:
    """A host that nobody has reported for three probes is passed by; a report brings it back, with what waits."""
    store = fleet.add_host()
    fleet.silence_host("alpha")
    job = fleet.submit()
    assert fleet.slots() == {}
    assert fleet.queue.models() == []

    store.report(1, 1, '{"version":"0","models":[]}', [MODEL], **PATIENCE)

    assert list(fleet.slots()) == [job.id]


def test_the_figure_for_a_live_host_is_the_same_on_both_sides() -> None:
    """`queue.models()` shows exactly the hosts that the scheduler takes for alive."""
    assert f"HOST_SECONDS = {LIVE_SECONDS:g} " in scripts.files()["keys"].read_text()


def test_a_host_gets_only_jobs_of_models_that_it_has(fleet: Fleet) -> None:
    """Two hosts, two models: each job goes where its model is, whatever waits before it."""
    fleet.add_host("alpha", models=["a:latest"])
    fleet.add_host("beta", models=["b:latest"])

    on_b, on_a = fleet.submit("b"), fleet.submit("a")

    assert list(fleet.slots("alpha")) == [on_a.id]
    assert list(fleet.slots("beta")) == [on_b.id]


def test_a_model_taken_off_a_host_is_no_longer_placed_there(fleet: Fleet) -> None:
    """The report is the whole truth: a model that it lacks is gone."""
    store = fleet.add_host(models=["a:latest", "b:latest"])
    store.report(1, 1, '{"version":"0","models":[]}', ["b:latest"], **PATIENCE)

    job = fleet.submit("a")

    assert fleet.waiting_jobs("a:latest") == [job.id]


def test_fewer_slots_than_before_empty_themselves_first(fleet: Fleet) -> None:
    """A host that now serves less finishes what it has, and takes nothing new until it is below the new number."""
    store = fleet.add_host(slots=3)
    claimed = [fleet.claim(store, fleet.submit()) for _ in range(3)]
    waiting = fleet.submit()
    store.report(1, 1, '{"version":"0","models":[]}', [MODEL], **PATIENCE)

    for job in claimed[:2]:
        store.complete(job, make_outcome())
        assert waiting.id not in fleet.slots()
    store.complete(claimed[2], make_outcome())

    assert list(fleet.slots()) == [waiting.id]


@pytest.mark.parametrize("ahead", [0, 1])
def test_the_wait_is_estimated_from_what_was_measured(fleet: Fleet, ahead: int) -> None:
    """Before a job has completed nothing is known; then `eta_seconds` follows the service time and the jobs ahead."""
    store = fleet.add_host()
    running = fleet.submit()
    unknown = fleet.submit()
    assert unknown.status().eta_seconds is None
    unknown.cancel()
    fleet.redis.hset(f"{fleet.keys.prefix}:service", MODEL, "4.0")

    jobs = [fleet.submit() for _ in range(ahead + 1)]
    fleet.redis.delete(f"{fleet.keys.prefix}:forecast:{MODEL}")

    assert jobs[-1].status().eta_seconds == pytest.approx(4.0 * (ahead + 1), abs=1)
    for job in (running, jobs[0]):  # the first waited for the load, which says nothing of the next
        assert fleet.redis.hget(f"{fleet.keys.prefix}:service", MODEL) == "4.0"
        store.complete(fleet.claim(store, job), make_outcome())
    slow, fast = fleet.redis.hget(f"{fleet.keys.prefix}:service", MODEL).split()
    assert float(fast) < float(slow) < 4.0
