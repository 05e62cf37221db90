"""submit.lua: what is accepted, what is refused, and that a refusal leaves no trace."""

import base64
import io
from typing import Any

import PIL.Image
import pytest

from embedded.scripted.fleet import MODEL, PATIENCE, Fleet, Message, make_error
from llamaq import InvalidRequest, QueueFull, UnknownModel
from llamaq.admission import submission
from llamaq.admission.submission import UploadExpired
from llamaq.images.image import Image
from llamaq.settings.producer import Limits, Settings
from llamaq.store.script_drivers import run
from llamaq.vocabulary import requests


def _png(colour: int = 0) -> bytes:
    data = io.BytesIO()
    PIL.Image.new("L", (32, 32), colour).save(data, "PNG")
    return data.getvalue()


def test_a_submitted_job_waits_with_its_record_and_its_first_event(fleet: Fleet) -> None:
    """Where no host has a free slot, the job waits: record, `queued` event and place; no message is sent."""
    job = fleet.submit(metadata={"a": "b"})

    record = fleet.record(job.id)
    assert (record["state"], record["kind"], record["model"], record["attempt"]) == ("queued", "generate", MODEL, "0")
    assert fleet.log(job.id) == [
        {
            "v": 1,
            "type": "queued",
            "attempt": 0,
            "at": float(record["submitted_at"]),
            "position": 0,
            "eta_seconds": None,
        }
    ]
    assert fleet.waiting_jobs() == [job.id]
    assert fleet.take_messages() == []
    assert job.status().position == 0


def test_a_job_that_finds_a_free_slot_is_placed_in_the_same_step(fleet: Fleet) -> None:
    """The submit itself gives the slot, with a lease, and sends Celery's message; such a job still counts as queued."""
    fleet.add_host()

    job = fleet.submit()

    assert fleet.take_messages() == [Message(job.id, "generate", "alpha")]
    assert fleet.slots() == {job.id: MODEL}
    assert fleet.leases() == [f"{job.id} alpha"]
    assert fleet.waiting_jobs() == []
    status = job.status()
    assert (status.state, status.position, status.host) == ("queued", None, "alpha")


def test_the_same_id_is_queued_once(fleet: Fleet) -> None:
    """A submit that is sent again, because its answer got lost, changes nothing."""
    request = {"kind": "generate", "model": MODEL, "prompt": "x", "wait_for_model": True}
    first = fleet.queue.submit(request, job_id="one")
    again = fleet.queue.submit({**request, "prompt": "other"}, job_id="one")

    assert first.id == again.id == "one"
    assert fleet.waiting_jobs() == ["one"]
    assert fleet.types("one") == ["queued"]


def test_an_idempotency_key_stands_for_one_job_of_its_tenant(fleet: Fleet) -> None:
    """The same key gives the same job, also once it has ended; another tenant's key is another key."""
    store = fleet.add_host()
    first = fleet.submit(idempotency_key="order 1:{x}", tenant="a")
    fleet.submit(idempotency_key="order 1:{x}", tenant="b")
    assert fleet.submit(idempotency_key="order 1:{x}", tenant="a").id == first.id
    store.fail(fleet.claim(store, first), make_error())

    assert fleet.submit(idempotency_key="order 1:{x}", tenant="a").id == first.id
    assert len(fleet.queue.jobs()) == 2


def test_an_idempotency_key_is_kept_as_long_as_its_job(fleet: Fleet) -> None:
    """Once the record is gone the key stands for nothing, and while it is kept the two lapse together."""
    store = fleet.add_host()
    job = fleet.submit(idempotency_key="k")
    key = fleet.keys.idempotency("default", "k")
    assert fleet.redis.ttl(key) == -1
    store.fail(fleet.claim(store, job), make_error())
    assert fleet.redis.ttl(key) > 86_000
    fleet.redis.delete(fleet.keys.record(job.id), fleet.keys.events(job.id))

    assert fleet.submit(idempotency_key="k").id != job.id


def test_a_full_queue_refuses_with_the_time_to_wait(fleet: Fleet, prefix: str) -> None:
    """At LLAMAQ_MAX_QUEUED waiting jobs of a model, over all lanes, the next is refused; other models go on."""
    full = Fleet(fleet.url, prefix, max_queued=2)
    full.submit(priority="interactive")
    full.submit(priority="batch")
    before = full.key_names()

    with pytest.raises(QueueFull, match=r"\(Settings.max_queued\)") as refused:
        full.submit()

    assert refused.value.retry_after > 0
    assert full.key_names() - before <= {f":forecast:{MODEL}"}
    full.submit("another")
    full.close()


def test_jobs_of_higher_lanes_count_as_ahead(fleet: Fleet) -> None:
    """In the `queued` event, of a submit alone and of several in one call."""
    requests = [
        {"kind": "generate", "model": MODEL, "prompt": "x", "wait_for_model": True, "priority": lane}
        for lane in ("batch", "normal", "interactive", "interactive", "normal", "batch")
    ]

    jobs = [fleet.queue.submit(request) for request in requests]
    jobs += fleet.queue.submit_many([requests[1]] * 3)

    assert [fleet.log(job.id)[0]["position"] for job in jobs] == [0, 0, 0, 1, 3, 5, 4, 5, 6]


def test_a_model_that_no_live_host_has_is_refused_with_what_is_near(fleet: Fleet) -> None:
    """With hosts alive, an unknown model is named, beside what looks like it; a job may ask to wait for it."""
    store = fleet.open_store()
    models = '{"version":"0","models":[{"model":"llama3.2:latest"}]}'
    store.report(1, 1, models, ["llama3.2:latest"], **PATIENCE)

    with pytest.raises(UnknownModel) as refused:
        fleet.queue.generate("lama3.2", "x")

    assert refused.value.near == ("llama3.2:latest",)
    assert fleet.queue.jobs() == []
    assert fleet.submit("lama3.2").status().state == "queued"


def test_without_any_live_host_a_job_waits_for_the_first(fleet: Fleet) -> None:
    """Producers may start before workers: a fleet that is not there yet refuses nothing."""
    fleet.add_host()
    fleet.silence_host("alpha")

    job = fleet.queue.generate("whatever", "x")

    assert job.status().state == "queued"


def test_a_reference_to_an_image_that_is_not_stored_is_refused(fleet: Fleet) -> None:
    """A job never begins without its images."""
    gone = f"sha256:{'0' * 64}"
    with pytest.raises(InvalidRequest, match="images: no image sha256:000"):
        fleet.queue.submit({"kind": "multimodal", "model": MODEL, "prompt": "x", "images": [gone]})

    assert fleet.queue.jobs() == []


def test_an_image_that_lapsed_after_its_upload_is_stored_again(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between upload and submit the store may lose an image: one job, or many in one round trip, send it once more."""
    uploads: list[int] = []

    def lossy(_redis: object, images: list[Image]) -> None:
        uploads.append(len(images))
        if len(uploads) > 1:
            for image in images:
                fleet.redis.set(fleet.keys.blob(image.sha256), image.data)

    monkeypatch.setattr(fleet.queue, "_upload", lossy)
    fleet.queue.multimodal(MODEL, "x", images=[_png(1)])
    assert uploads == [1, 1]

    uploads.clear()
    request = {"kind": "multimodal", "model": MODEL, "prompt": "x", "images": [_png(2)]}
    jobs = fleet.queue.submit_many([request, {"kind": "generate", "model": MODEL, "prompt": "x"}])
    assert uploads == [1, 1]
    assert [job.status().kind for job in jobs] == ["multimodal", "generate"]


def test_images_are_stored_once_and_counted(fleet: Fleet) -> None:
    """An image shown by several jobs is one blob; it stays while one of them needs it, and then as long as results."""
    store = fleet.add_host(slots=2)
    source = base64.b64encode(_png()).decode()
    jobs = [fleet.queue.multimodal(MODEL, "x", images=[source, _png()]) for _ in range(2)]
    (blob,) = [name for name in fleet.key_names() if name.startswith(":blob:")]
    key = fleet.keys.prefix + blob
    claimed = [fleet.claim(store, job) for job in jobs]

    assert fleet.redis.ttl(key) == -1
    store.fail(claimed[0], make_error())
    assert fleet.redis.ttl(key) == -1
    store.fail(claimed[1], make_error())
    assert fleet.redis.ttl(key) > 86_000
    assert ":blobs" not in fleet.key_names()


def test_one_of_many_that_is_refused_does_not_hold_up_the_others(fleet: Fleet) -> None:
    """In one round trip some may be assigned and one refused: the error is raised, the others get messages."""
    fleet.add_host(slots=2)
    request = {"kind": "generate", "model": MODEL, "prompt": "x"}

    with pytest.raises(UnknownModel):
        fleet.queue.submit_many([request, {**request, "model": "nobody-has-it"}, request])

    assert len(fleet.take_messages()) == 2


def test_none_of_many_is_queued_when_one_is_invalid(fleet: Fleet) -> None:
    """All are checked before the first is sent."""
    request = {"kind": "generate", "model": MODEL, "prompt": "x"}

    with pytest.raises(InvalidRequest, match="prompt"):
        fleet.queue.submit_many([request, {**request, "prompt": ""}])

    assert fleet.queue.jobs() == []


@pytest.mark.parametrize("job_id", ["", "a b", "a}", "{a", "a:b", "x" * 129, "ä", "a\n"])
def test_an_id_that_could_not_be_part_of_a_key_is_refused(fleet: Fleet, job_id: str) -> None:
    """The job id becomes a part of keys and of leases."""
    request = requests.parse({"kind": "generate", "model": MODEL, "prompt": "x"})
    with pytest.raises(InvalidRequest, match=r"^id: "):
        submission.prepare(request, job_id, Limits())


def test_an_own_image_that_is_missing_is_told_from_a_foreign_one(fleet: Fleet) -> None:
    """Only for its own images can the SDK mend the loss."""
    image = Image("0" * 64, b"")
    request = requests.parse({"kind": "multimodal", "model": MODEL, "prompt": "x", "images": [image.reference]})
    own = submission.Submission("id", request, (image,))
    settings = Settings(keys=fleet.keys)
    answer = run(fleet.redis, submission.build_call(own, settings))

    with pytest.raises(UploadExpired):
        submission.read_answer(own, answer, settings)
    with pytest.raises(InvalidRequest):
        submission.read_answer(submission.Submission("id", request), answer, settings)


@pytest.mark.parametrize("limit", [0, -1, 10**30, 1.5, True, "5"])
def test_a_limit_that_is_none_is_refused(fleet: Fleet, limit: Any) -> None:
    """Told as what it is, and not as an outage of Redis."""
    for listing in (fleet.queue.jobs, fleet.queue.conversations, fleet.queue.dead):
        with pytest.raises(InvalidRequest, match="limit: give a whole number from 1 to"):
            listing(limit)
