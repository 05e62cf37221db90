"""pause, drain and resume: a host or a model gets no new jobs, and what runs ends."""

import json
from typing import Any

import pytest

from embedded.scripted.fleet import MODEL, PATIENCE, Fleet, make_error, make_outcome
from llamaq import InvalidRequest, Job, UnknownModel
from llamaq.vocabulary.wait_reason import Why

OTHER = "other:latest"


def _take_job_ids(fleet: Fleet) -> list[str]:
    return [message.job_id for message in fleet.take_messages()]


def _list_offers(fleet: Fleet, model: str = MODEL) -> list[str]:
    found: list[str] = fleet.redis.zrange(f"{fleet.keys.prefix}:model:{model}:offers", 0, -1)
    return found


def _read_why(job: Job[Any]) -> Why | None:
    return job.status().why


@pytest.mark.parametrize("verb", ["pause", "drain"])
def test_a_paused_host_gets_no_new_jobs(fleet: Fleet, verb: str) -> None:
    """What runs ends as usual, and frees its slot for nobody; then the jobs that wait are assigned at once."""
    store = fleet.add_host(slots=2)
    running, claimed = fleet.start_job(store)
    getattr(fleet.queue, verb)(host="alpha")
    fleet.take_messages()

    waits = fleet.submit()
    store.complete(claimed, make_outcome())
    fleet.end_reaper_leadership()
    assert store.reap() is not None
    fleet.add_host(slots=2)

    assert running.status().state == "completed"
    assert (_take_job_ids(fleet), fleet.slots(), _list_offers(fleet)) == ([], {}, [])
    fleet.forget_forecasts()
    assert (_read_why(waits), waits.status().position) == (Why.of("host_paused"), 0)
    assert waits.status().eta_seconds is None
    fleet.queue.resume(host="alpha")
    assert _take_job_ids(fleet) == [waits.id]
    assert _list_offers(fleet) == ["alpha"]


def test_other_hosts_go_on(fleet: Fleet) -> None:
    """They take the jobs that were assigned there and not begun; none begins there once the pause is answered."""
    alpha = fleet.add_host()
    assigned = fleet.submit()
    fleet.add_host("beta")
    assert [message.host for message in fleet.take_messages()] == ["alpha"]

    fleet.queue.pause(host="alpha")

    assert [(message.job_id, message.host) for message in fleet.take_messages()] == [(assigned.id, "beta")]
    assert alpha.claim(assigned.id) is None
    following = fleet.submit()
    assert _read_why(following) in (Why.of("busy"), Why.of("loading"))
    assert fleet.slots("alpha") == {}


def test_a_paused_model_gets_no_slot_on_any_host(fleet: Fleet) -> None:
    """Other models do; new hosts get none of it either, and none of it that was assigned begins."""
    alpha = fleet.add_host(models=[MODEL, OTHER], slots=2)
    assigned = fleet.submit()
    fleet.take_messages()

    fleet.queue.pause(model="SmolLM2:135m")

    assert alpha.claim(assigned.id) is None
    other = fleet.submit(OTHER)
    fleet.add_host("beta", models=[MODEL], slots=2)
    waits = fleet.submit()
    assert _take_job_ids(fleet) == [other.id]
    assert [_read_why(job) for job in (assigned, waits)] == [Why.of("model_paused")] * 2
    fleet.forget_forecasts()
    assert waits.status().eta_seconds is None
    assert (_list_offers(fleet), _list_offers(fleet, OTHER)) == ([], ["alpha"])
    fleet.queue.resume(model=MODEL)
    assert {message.job_id for message in fleet.take_messages()} == {assigned.id, waits.id}


def test_a_pause_leaves_host_jobs_and_a_drain_does_not(fleet: Fleet) -> None:
    """A host is paused to pull a model there, and drained to be shut down."""
    fleet.add_host("alpha")
    fleet.add_host("beta")
    fleet.queue.pause(host="alpha")
    fleet.queue.drain(host="beta")

    on_alpha, on_beta = fleet.queue.pull("m", host="alpha"), fleet.queue.pull("m", host="beta")

    assert _take_job_ids(fleet) == [on_alpha.id]
    assert _read_why(on_beta) == Why.of("host_paused")
    fleet.queue.pause(host="beta")
    assert _take_job_ids(fleet) == [on_beta.id]


def test_a_pause_outlives_workers_and_the_record_of_the_host(fleet: Fleet) -> None:
    """A host that was away for so long that it is forgotten comes back paused."""
    store = fleet.add_host()
    fleet.queue.pause(host="alpha")
    store.leave()
    fleet.silence_host("alpha")
    fleet.end_reaper_leadership()
    assert fleet.open_store("beta").reap() is not None
    assert fleet.queue.hosts() == []
    fleet.queue.pause(host="alpha")

    state = fleet.add_host().report(1, 1, "{}", [MODEL], **PATIENCE)

    waits = fleet.submit()
    assert (state.pause, _take_job_ids(fleet)) == ("paused", [])
    assert fleet.queue.hosts()[0].state == "paused"
    fleet.queue.resume(host="alpha")
    assert _take_job_ids(fleet) == [waits.id]
    assert ":paused" not in fleet.key_names()


def test_hosts_and_models_say_so(fleet: Fleet) -> None:
    """A model is paused by itself, or with its host."""
    status = json.dumps({"models": [{"model": MODEL}, {"model": OTHER}]})
    for host in ("alpha", "beta"):
        fleet.open_store(host).report(1, 1, status, [MODEL, OTHER], **PATIENCE)
    fleet.queue.drain(host="alpha")
    fleet.queue.pause(model=OTHER)

    alpha, beta = fleet.queue.hosts()
    assert (alpha.state, beta.state) == ("draining", "running")
    assert [model.paused for model in alpha.models] == [True, True]
    assert [model.paused for model in beta.models] == [False, True]


def test_twice_is_once(fleet: Fleet) -> None:
    """A call whose answer was lost is sent again."""
    fleet.add_host()
    for _ in range(2):
        fleet.queue.pause(host="alpha")
    waits = fleet.submit()
    for _ in range(2):
        fleet.queue.resume(host="alpha")
    assert _take_job_ids(fleet) == [waits.id]


def test_a_retry_finds_no_paused_host(fleet: Fleet) -> None:
    """It is assigned at once to another host, unless that is paused."""
    alpha = fleet.add_host()
    fleet.add_host("beta")
    fleet.queue.pause(host="beta")
    job, claimed = fleet.start_job(alpha)

    alpha.release(claimed, make_error(), 30, counts=True, blame="host")

    assert (fleet.slots("beta"), _read_why(job)) == ({}, Why.of("retry"))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "host"),
        ({"host": "alpha", "model": MODEL}, "host"),
        ({"host": "gamma"}, "host"),
        ({"host": ""}, "host"),
        ({"model": "a b"}, "model"),
    ],
)
def test_what_is_wrong_is_named(fleet: Fleet, given: dict[str, Any], field: str) -> None:
    """Neither or both, an unknown host, and what can be no name."""
    fleet.add_host()
    for verb in (fleet.queue.pause, fleet.queue.drain, fleet.queue.resume):
        with pytest.raises(InvalidRequest) as refused:
            verb(**given)
        assert refused.value.problems[0].field == field


def test_an_unknown_model_is_not_paused(fleet: Fleet) -> None:
    """It is most often misspelt; one that jobs wait for is known."""
    fleet.add_host()
    with pytest.raises(UnknownModel):
        fleet.queue.pause(model="smolm")
    fleet.submit("smolm")
    fleet.queue.pause(model="smolm")
