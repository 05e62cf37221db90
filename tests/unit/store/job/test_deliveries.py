"""What is owed to webhooks: written with the end itself, taken by one worker at a time, tried again, then set aside."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from docs.schemas import HERE
from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import MODEL, Fleet, answer
from llamaq import InvalidRequest, Notify
from llamaq.store.worker.outcome import Error
from llamaq.store.worker.webhook_deliveries import PAUSES, Deliveries, Delivery
from llamaq.vocabulary.requests import parse

URL = "https://shop.example/hooks?key=1"
TOLD = jsonschema_rs.validator_for(json.loads((HERE / "webhook.json").read_text("utf-8")))


@pytest.fixture
def fleet(redis_server: EmbeddedRedis, prefix: str) -> Iterator[Fleet]:
    fleet = Fleet(redis_server.url, prefix)
    yield fleet
    fleet.close()


@pytest.fixture
def deliveries(fleet: Fleet) -> Deliveries:
    return Deliveries(fleet.redis, fleet.keys)


def taken(deliveries: Deliveries) -> Delivery:
    delivery = deliveries.take()
    assert delivery is not None
    return delivery


def due(fleet: Fleet, job_id: str) -> None:
    """Let the pause, or the time of whoever has it, be over."""
    assert fleet.redis.zadd(f"{fleet.keys.prefix}:webhooks", {job_id: 1}, xx=True, ch=True) == 1


def told(delivery: Delivery) -> Any:
    body = json.loads(delivery.body)
    assert [error.message for error in TOLD.iter_errors(body)] == []
    return body


def test_an_end_is_owed_without_what_was_said(fleet: Fleet, deliveries: Deliveries) -> None:
    """Id, kind, model, state and metadata; nothing of the prompt or the answer."""
    store = fleet.host()
    job, claimed = fleet.running(store, notify={"url": URL}, metadata={"order": "17"})
    assert deliveries.take() is None

    store.complete(claimed, answer("a secret answer"))

    delivery = taken(deliveries)
    body = told(delivery)
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
    store = fleet.host()
    _, claimed = fleet.running(store, notify={"url": URL, "include_result": whole})

    store.fail(claimed, Error("invalid_output", "no", details={"text": "a secret answer"}))

    data = told(taken(deliveries))["data"]
    assert data["code"] == "invalid_output"
    assert data.get("error", {}).get("text") == ("a secret answer" if whole else None)


def test_the_result_is_told_on_request(fleet: Fleet, deliveries: Deliveries) -> None:
    """As it stands in the record."""
    store = fleet.host()
    _, claimed = fleet.running(store, notify=Notify(url=URL, include_result=True))

    store.complete(claimed, answer("hello"))

    assert told(taken(deliveries))["data"]["result"]["text"] == "hello"


@pytest.mark.parametrize("asked", [True, False])
def test_what_is_very_long_is_left_out_and_told(fleet: Fleet, deliveries: Deliveries, asked: bool) -> None:
    """Each try would send it and a dead letter keep it; whoever did not ask for it is not told."""
    store = fleet.host()
    notify = {"url": URL, "include_result": asked}
    _, first = fleet.running(store, notify=notify)
    store.complete(first, answer("x" * 2_000_000))
    completed = told(taken(deliveries))["data"]
    _, second = fleet.running(store, notify=notify)
    store.fail(second, Error("invalid_output", "no", details={"text": "x" * 2_000_000}))
    failed = told(taken(deliveries))["data"]

    assert (completed["state"], completed.get("result"), completed.get("omitted")) == ("completed", None, asked or None)
    assert (failed["code"], failed.get("error"), failed.get("omitted")) == ("invalid_output", None, asked or None)


def test_every_way_to_an_end_owes(fleet: Fleet, deliveries: Deliveries) -> None:
    """Cancelled by a producer, expired, and an end that was not asked for: nothing."""
    store = fleet.host()
    cancelled = fleet.submit(notify={"url": URL, "events": ["cancelled"]})
    cancelled.cancel("no")
    assert told(taken(deliveries))["data"]["state"] == "cancelled"
    expired = fleet.submit(notify={"url": URL}, start_within=30)
    fleet.overdue(expired.id)
    store.claim(expired.id)
    assert told(taken(deliveries))["type"] == "job.expired"
    unasked = fleet.submit(notify={"url": URL, "events": ["completed"]})
    unasked.cancel("no")
    fleet.submit().cancel("no")

    assert deliveries.take() is None


def test_one_worker_has_it_until_its_time_is_over(fleet: Fleet, deliveries: Deliveries) -> None:
    """One that died leaves it to another; its own late word then changes nothing."""
    job = fleet.submit(notify={"url": URL})
    job.cancel("no")
    first = taken(deliveries)
    assert deliveries.take() is None
    due(fleet, job.id)

    second = taken(deliveries)

    assert (second.number, second.message) == (2, first.message)
    deliveries.failed(first, "late", 0)
    deliveries.done(first)
    assert fleet.redis.exists(f"{fleet.keys.prefix}:webhook:{job.id}") == 1
    deliveries.done(second)
    assert [name for name in fleet.names() if name.startswith(":webhook")] == []


def test_after_the_last_try_it_is_set_aside(fleet: Fleet, deliveries: Deliveries) -> None:
    """Each pause is longer than the one before; then the message is among the dead, with the reason."""
    job = fleet.submit(notify={"url": URL})
    job.cancel("no")
    pauses = []
    for number in range(len(PAUSES) + 1):
        delivery = taken(deliveries)
        again = deliveries.failed(delivery, "the receiver answered 500", 0.5)
        assert again is (number < len(PAUSES))
        if again:
            score = fleet.redis.zscore(f"{fleet.keys.prefix}:webhooks", job.id)
            pauses.append(score - fleet.redis.time()[0])
            due(fleet, job.id)

    assert pauses == sorted(pauses)
    assert pauses[0] == pytest.approx(5.5, abs=2)
    (letter,) = fleet.queue.dead()
    assert (letter.job_id, letter.source) == (job.id, "webhook")
    assert "answered 500" in letter.reason
    assert told(delivery) == json.loads(letter.message)
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

    assert told(taken(deliveries))["data"]["id"] == job.id


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
    store = fleet.host()
    job, claimed = fleet.running(store, notify={"url": URL})
    store.complete(claimed, answer())
    fleet.redis.hset(f"{fleet.keys.prefix}:webhook:{job.id}", "fields", '"deep":' + "[" * 300 + "]" * 300)

    with pytest.raises(ValueError):  # noqa: PT011 - whatever the reader says
        deliveries.take()

    (letter,) = fleet.queue.dead()
    assert (letter.job_id, letter.source) == (job.id, "webhook")
    assert letter.reason == "webhook: it cannot be read (ValueError)"
    assert "shop.example" not in letter.message
    assert deliveries.take() is None
    assert not [name for name in fleet.names() if name.startswith(":webhook")]


def test_what_nobody_could_settle_is_set_aside(fleet: Fleet, deliveries: Deliveries) -> None:
    """Taken again and again by workers that died of it."""
    store = fleet.host()
    job, claimed = fleet.running(store, notify={"url": URL})
    store.complete(claimed, answer())
    fleet.redis.hset(f"{fleet.keys.prefix}:webhook:{job.id}", "tries", 50)

    assert deliveries.take() is None

    (letter,) = fleet.queue.dead()
    assert (letter.job_id, letter.reason) == (job.id, "webhook: taken 50 times, and never settled")


def owe(fleet: Fleet, receiver: str, number: int) -> list[str]:
    """Deliveries that are due at once; the ids of their jobs."""
    jobs = [fleet.submit(notify={"url": f"https://{receiver}/hook"}) for _ in range(number)]
    for job in jobs:
        job.cancel("no")
    return [job.id for job in jobs]


def test_receivers_take_turns(fleet: Fleet, deliveries: Deliveries) -> None:
    """However many are due for one, the next call is of the receiver whose last one is the longest ago."""
    of_a, of_b = owe(fleet, "A.example:8443", 3), owe(fleet, "b.example", 2)

    calls = [taken(deliveries) for _ in range(5)]

    assert [call.receiver for call in calls] == ["a.example:8443", "b.example"] * 2 + ["a.example:8443"]
    assert [call.job_id for call in calls] == [of_a[0], of_b[0], of_a[1], of_b[1], of_a[2]]
    assert deliveries.take() is None


def test_a_busy_receiver_is_passed_over(fleet: Fleet, deliveries: Deliveries) -> None:
    """Those of others that are due later are taken before it; its own wait, and are not lost."""
    of_a, of_b = owe(fleet, "a.example", 2), owe(fleet, "b.example", 1)

    assert [taken(deliveries).job_id for _ in range(1)] == [of_a[0]]
    other = deliveries.take(["a.example"])
    assert other is not None
    assert other.job_id == of_b[0]
    assert deliveries.take(["a.example"]) is None
    assert taken(deliveries).job_id == of_a[1]


def test_a_backlog_of_one_receiver_hides_no_other(fleet: Fleet, deliveries: Deliveries) -> None:
    """Far more are due for it than one call of the script looks at. They stay, and in their order."""
    redis, prefix = fleet.redis, fleet.keys.prefix
    with redis.pipeline() as pipe:
        for number in range(1000):
            pipe.hset(f"{prefix}:webhook:h{number}", "url", "https://hanging.example/")
            pipe.zadd(f"{prefix}:webhooks", {f"h{number}": number})
        pipe.execute()
    (behind,) = owe(fleet, "b.example", 1)

    found = deliveries.take(["hanging.example"])

    assert found is not None
    assert found.job_id == behind
    assert deliveries.take(["hanging.example"]) is None
    assert redis.lrange(f"{prefix}:webhooks:hanging.example", 0, -1) == [f"h{number}" for number in range(1000)]
    assert redis.zrange(f"{prefix}:webhooks", 0, -1) == [behind]


def test_what_expired_without_a_secret_is_forgotten(fleet: Fleet) -> None:
    """No worker takes deliveries there, so each new one removes two that have expired."""
    waiting = f"{fleet.keys.prefix}:webhooks"
    fleet.redis.zadd(waiting, {f"old{number}": 1 for number in range(3)})

    jobs = owe(fleet, "a.example", 2)

    assert set(fleet.redis.zrange(waiting, 0, -1)) == set(jobs)


def test_a_damaged_delivery_holds_up_no_other(fleet: Fleet, deliveries: Deliveries) -> None:
    """A key of a wrong type, or a URL that is none."""
    first, second, third = owe(fleet, "a.example", 3)
    key = f"{fleet.keys.prefix}:webhook:"
    fleet.redis.delete(key + first)
    fleet.redis.set(key + first, "no hash")
    fleet.redis.hset(key + second, "url", "no url")

    assert {taken(deliveries).job_id, taken(deliveries).job_id} == {second, third}
    assert deliveries.take() is None
