"""report.lua and leave.lua: how hosts come and go."""

import json

from embedded.scripted.fleet import MODEL, PATIENCE, Fleet, make_outcome
from llamaq.store.worker.host_calls import CARD_SECONDS


def test_a_report_shows_in_the_models(fleet: Fleet) -> None:
    """What a worker reports, `queue.models()` gives, with the slots in use."""
    store = fleet.open_store()
    model = {
        "model": MODEL,
        "size": 5,
        "loaded": True,
        "expires_at": 1_900_000_000.5,
        "capabilities": ["completion", "vision"],
    }
    status = json.dumps({"version": "0.32", "models": [model, {"model": "other:latest"}]})
    store.report(2, 1, status, [MODEL], **PATIENCE)
    fleet.submit()

    found = fleet.queue.models()

    assert [(status.model, status.host, status.slots_used, status.slots) for status in found] == [
        (MODEL, "alpha", 1, 2),
        ("other:latest", "alpha", 0, 2),
    ]
    assert (found[0].version, found[0].loaded, found[0].capabilities) == ("0.32", True, ("completion", "vision"))
    assert found[0].expires_at is not None
    assert found[0].expires_at.timestamp() == 1_900_000_000.5
    assert found[0].seen_at is not None
    assert found[0].seen_at.tzinfo is not None


def test_the_last_worker_takes_its_host_along(fleet: Fleet) -> None:
    """Nothing more is assigned there, and what was assigned and not claimed goes to another host that has the model."""
    store = fleet.add_host("alpha", slots=2)
    running = fleet.submit()
    fleet.claim(store, running)
    assigned = fleet.submit()
    fleet.add_host("beta")
    fleet.take_messages()

    store.leave()

    assert [(message.job_id, message.host) for message in fleet.take_messages()] == [(assigned.id, "beta")]
    assert list(fleet.slots("alpha")) == [running.id]
    assert {status.host for status in fleet.queue.models()} <= {"beta"}
    waiting = fleet.submit()
    assert fleet.waiting_jobs() == [waiting.id]


def test_a_host_stays_while_one_of_its_workers_does(fleet: Fleet) -> None:
    """Two workers share the host's slots; the first that leaves leaves them to the other."""
    first, second = fleet.open_store(name="w1"), fleet.open_store(name="w2")
    for store in (first, second):
        store.report(1, 1, '{"models":[]}', [MODEL], **PATIENCE)

    first.leave()

    job = fleet.submit()
    assert second.claim(job.id) is not None


def test_a_worker_that_left_may_finish_what_it_began(fleet: Fleet) -> None:
    """Drain: the host is gone for the scheduler, and the running job still ends well."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    store.leave()

    store.complete(claimed, make_outcome())

    assert job.status().state == "completed"
    assert fleet.slots() == {}


def test_leaving_twice_or_without_a_report_does_no_harm(fleet: Fleet) -> None:
    """A worker whose Ollama never answered says good-bye as well."""
    store = fleet.open_store()
    store.leave()
    store.report(1, 1, "{}", [MODEL], **PATIENCE)
    store.leave()

    store.leave()

    assert fleet.queue.models() == []
    fleet.silence_host("alpha")
    store.reap()
    assert fleet.key_names() == {":reaper"}


def test_a_model_whose_host_is_away_is_waited_for(fleet: Fleet) -> None:
    """A host that has just left may come back: beside other hosts that live, its model is not unknown yet."""
    store = fleet.add_host("alpha", models=["a:latest"])
    fleet.add_host("beta", models=["b:latest"])
    store.leave()

    job = fleet.queue.generate("a", "x")

    assert job.status().state == "queued"
    fleet.add_host("alpha", models=["a:latest"])
    assert list(fleet.slots("alpha")) == [job.id]


def test_what_a_model_is_shown_as_is_kept_while_a_worker_tells_it(fleet: Fleet) -> None:
    """Written once, kept for another while at each call, and written again where Redis has lost it."""
    store = fleet.open_store()
    cards = {"d1": '{"license":"x"}', "d2": "{}"}
    store.keep_cards(cards)
    for digest, text in cards.items():
        assert fleet.redis.get(fleet.keys.card(digest)) == text
        assert 0 < fleet.redis.ttl(fleet.keys.card(digest)) <= CARD_SECONDS

    fleet.redis.delete(fleet.keys.card("d1"))
    fleet.redis.expire(fleet.keys.card("d2"), 1)
    fleet.redis.set(fleet.keys.card("d2"), "as it was", keepttl=True)
    store.keep_cards(cards)

    assert [fleet.redis.get(fleet.keys.card(digest)) for digest in cards] == [cards["d1"], "as it was"]
    assert fleet.redis.ttl(fleet.keys.card("d2")) > 1
    store.keep_cards({})
