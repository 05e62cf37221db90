"""What is owed to webhooks: written with the end itself, taken by one worker at a time, tried again, then set aside."""

import json
from typing import Any

import jsonschema_rs
import pytest

from docs.schemas import HERE
from embedded.scripted.fleet import MODEL, Fleet, make_outcome
from llamaq import InvalidRequest, Notify
from llamaq.store.worker.outcome import Error
from llamaq.store.worker.webhook_deliveries import PAUSES, Deliveries, Delivery
from llamaq.vocabulary.requests import parse

URL = "https://shop.example/hooks?key=1"
TOLD = jsonschema_rs.validator_for(json.loads((HERE / "webhook.json").read_text("utf-8")))


def take(deliveries: Deliveries) -> Delivery:
    delivery = deliveries.take()
    assert delivery is not None
    return delivery


def make_due(fleet: Fleet, job_id: str) -> None:
    """Let the pause, or the time of whoever has it, be over."""
    assert fleet.redis.zadd(f"{fleet.keys.prefix}:webhooks", {job_id: 1}, xx=True, ch=True) == 1


def parse_body(delivery: Delivery) -> Any:
    body = json.loads(delivery.body)
    assert [error.message for error in TOLD.iter_errors(body)] == []
    return body


def test_an_end_is_owed_without_what_was_said(fleet: Fleet, deliveries: Deliveries) -> None:
    """Id, kind, model, state and metadata; nothing of the prompt or the answer."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store, notify={"url": URL}, metadata={"order": "17"})
    assert deliveries.take() is None

    store.complete(claimed, make_outcome("a secret answer"))

    delivery = take(deliveries)
    body = parse_body(delivery)
    assert (delivery.job_id, delivery.number, delivery.url) == (job.id, 1, URL)
    assert body["type"] == "job.completed"
    about = {"kind": "generate", "model": MODEL, "state": "completed", "metadata": {"order": "17"}}
    assert body["data"] == {"id": job.id, **about}
    assert body["timestamp"].endswith("Z")


@pytest.mark.parametrize("whole", [False, True])
def test_a_failure_tells_its_code_and_on_request_the_whole_error(
    fleet: Fleet, deliveries: Deliveries, whole: bool
) -> None:
    """The last answer that came is in an error too, and so is not told unasked."""
    store = fleet.add_host()
    _, claimed = fleet.start_job(store, notify={"url": URL, "include_result": whole})

    store.fail(claimed, Error("invalid_output", "no", details={"text": "a secret answer"}))

    data = parse_body(take(deliveries))["data"]
    assert data["code"] == "invalid_output"
    assert data.get("error", {}).get("text") == ("a secret answer" if whole else None)


def test_the_result_is_told_on_request(fleet: Fleet, deliveries: Deliveries) -> None:
    """As it stands in the record."""
    store = fleet.add_host()
    _, claimed = fleet.start_job(store, notify=Notify(url=URL, include_result=True))

    store.complete(claimed, make_outcome("hello"))

    assert parse_body(take(deliveries))["data"]["result"]["text"] == "hello"


@pytest.mark.parametrize("asked", [True, False])
def test_what_is_very_long_is_left_out_and_told(fleet: Fleet, deliveries: Deliveries, asked: bool) -> None:
    """Each try would send it and a dead letter keep it; whoever did not ask for it is not told."""
    store = fleet.add_host()
    notify = {"url": URL, "include_result": asked}
    _, first = fleet.start_job(store, notify=notify)
    store.complete(first, make_outcome("x" * 2_000_000))
    completed = parse_body(take(deliveries))["data"]
    _, second = fleet.start_job(store, notify=notify)
    store.fail(second, Error("invalid_output", "no", details={"text": "x" * 2_000_000}))
    failed = parse_body(take(deliveries))["data"]

    assert (completed["state"], completed.get("result"), completed.get("omitted")) == ("completed", None, asked or None)
    assert (failed["code"], failed.get("error"), failed.get("omitted")) == ("invalid_output", None, asked or None)


def test_every_way_to_an_end_owes(fleet: Fleet, deliveries: Deliveries) -> None:
    """Cancelled by a producer, expired, and an end that was not asked for: nothing."""
    store = fleet.add_host()
    cancelled = fleet.submit(notify={"url": URL, "events": ["cancelled"]})
    cancelled.cancel("no")
    assert parse_body(take(deliveries))["data"]["state"] == "cancelled"
    expired = fleet.submit(notify={"url": URL}, start_within=30)
    fleet.expire_start_within(expired.id)
    store.claim(expired.id)
    assert parse_body(take(deliveries))["type"] == "job.expired"
    unasked = fleet.submit(notify={"url": URL, "events": ["completed"]})
    unasked.cancel("no")
    fleet.submit().cancel("no")

    assert deliveries.take() is None


def test_one_worker_has_it_until_its_time_is_over(fleet: Fleet, deliveries: Deliveries) -> None:
    """One that died leaves it to another; its own late word then changes nothing."""
    job = fleet.submit(notify={"url": URL})
    job.cancel("no")
    first = take(deliveries)
    assert deliveries.take() is None
    make_due(fleet, job.id)

    second = take(deliveries)

    assert (second.number, second.message) == (2, first.message)
    deliveries.record_failure(first, "late", 0)
    deliveries.record_success(first)
    assert fleet.redis.exists(f"{fleet.keys.prefix}:webhook:{job.id}") == 1
    deliveries.record_success(second)
    assert [name for name in fleet.key_names() if name.startswith(":webhook")] == []


def test_after_the_last_try_it_is_set_aside(fleet: Fleet, deliveries: Deliveries) -> None:
    """Each pause is longer than the one before; then the message is among the dead, with the reason."""
    job = fleet.submit(notify={"url": URL})
    job.cancel("no")
    pauses = []
    for number in range(len(PAUSES) + 1):
        delivery = take(deliveries)
        again = deliveries.record_failure(delivery, "the receiver answered 500", 0.5)
        assert again is (number < len(PAUSES))
        if again:
            score = fleet.redis.zscore(f"{fleet.keys.prefix}:webhooks", job.id)
            pauses.append(score - fleet.redis.time()[0])
            make_due(fleet, job.id)

    assert pauses == sorted(pauses)
    assert pauses[0] == pytest.approx(5.5, abs=2)
    (letter,) = fleet.queue.dead()
    assert (letter.job_id, letter.source) == (job.id, "webhook")
    assert "answered 500" in letter.reason
    assert parse_body(delivery) == json.loads(letter.message)
    assert deliveries.take() is None


def test_what_nobody_can_sign_lapses(fleet: Fleet, deliveries: Deliveries) -> None:
    """A fleet without a secret does not fill its Redis."""
    job = fleet.submit(notify={"url": URL})
    job.cancel("no")
    key = f"{fleet.keys.prefix}:webhook:{job.id}"
    assert 0 < fleet.redis.ttl(key) <= 7 * 86_400
    fleet.redis.delete(key)

    assert deliveries.take() is None
    assert fleet.redis.zcard(f"{fleet.keys.prefix}:webhooks") == 0


def test_a_job_does_not_need_its_record_to_be_told_of(fleet: Fleet, deliveries: Deliveries) -> None:
    """A receiver that is down may come back after the record has lapsed."""
    job = fleet.submit(notify={"url": URL})
    job.cancel("no")
    fleet.redis.delete(fleet.keys.record(job.id), fleet.keys.events(job.id))

    assert parse_body(take(deliveries))["data"]["id"] == job.id


@pytest.mark.parametrize(
    "notify",
    [
        {"url": "ftp://shop.example/"},
        {"url": "https://me:secret@shop.example/"},
        {"url": "https://shop.example/#a"},
        {"url": "https://shop.example/a b"},
        {"url": "https://shop.example/\r\nX: y"},
        {"url": "https://shop.example:0/"},
        {"url": "https://shop.example:x/"},
        {"url": "https://"},
        {"url": "https://shop.example/" + "x" * 2048},
        {"url": URL, "events": []},
        {"url": URL, "events": ["started"]},
        {"url": URL, "secret": "x"},
    ],
)
def test_a_webhook_that_cannot_be_is_refused_at_submit(notify: dict[str, Any]) -> None:
    """With the field named, before anything is queued."""
    with pytest.raises(InvalidRequest) as caught:
        parse({"kind": "generate", "model": MODEL, "prompt": "x", "notify": notify})

    assert caught.value.problems[0].field.startswith("notify")


def test_what_cannot_be_read_is_set_aside(fleet: Fleet, deliveries: Deliveries) -> None:
    """Damaged, or nested deeper than is read: found among the dead letters, not taken for ever, and in nobody's way."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store, notify={"url": URL})
    store.complete(claimed, make_outcome())
    fleet.redis.hset(f"{fleet.keys.prefix}:webhook:{job.id}", "fields", '"deep":' + "[" * 300 + "]" * 300)

    with pytest.raises(ValueError):  # noqa: PT011 - whatever the reader says
        deliveries.take()

    (letter,) = fleet.queue.dead()
    assert (letter.job_id, letter.source) == (job.id, "webhook")
    assert letter.reason == "webhook: it cannot be read (ValueError)"
    assert "shop.example" not in letter.message
    assert deliveries.take() is None
    assert not [name for name in fleet.key_names() if name.startswith(":webhook")]


def test_what_nobody_could_settle_is_set_aside(fleet: Fleet, deliveries: Deliveries) -> None:
    """Taken again and again by workers that died of it."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store, notify={"url": URL})
    store.complete(claimed, make_outcome())
    fleet.redis.hset(f"{fleet.keys.prefix}:webhook:{job.id}", "tries", 50)

    assert deliveries.take() is None

    (letter,) = fleet.queue.dead()
    assert (letter.job_id, letter.reason) == (job.id, "webhook: taken 50 times, and never settled")
