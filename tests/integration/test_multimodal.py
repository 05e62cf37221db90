"""multimodal: images from a path, bytes or base64 to the host, stored once, and kept as long as they are needed."""

import base64
import hashlib
import io
import json
import uuid
from pathlib import Path

import PIL.Image
import pytest
import redis

from llamaq import ChatResult, InvalidRequest, JobFailed, JobQueue, Limits, TextResult
from llamaq.images import loading
from tests.service import Service, fresh_name, kinds

VISION = "smollm2-vision:135m"


def picture(form: str = "PNG") -> bytes:
    """An image that no other test has: its pixels are random enough to have a SHA-256 of its own.

    A PNG is as it is stored.
    """
    seed = hashlib.sha256(fresh_name().encode()).digest()
    data = io.BytesIO()
    PIL.Image.frombytes("RGB", (32, 32), seed * 96).save(data, form)
    return stored(data.getvalue()) if form == "PNG" else data.getvalue()


def stored(data: bytes) -> bytes:
    """What becomes of a file on its way in."""
    return loading.load(data, Limits()).data


def blob(service: Service, data: bytes) -> str:
    """The key an image is stored under."""
    return service.keys.blob(hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_an_image_arrives_as_png_or_jpeg(service: Service, form: str, tmp_path: Path) -> None:
    """From a path, from bytes and from base64 alike, in their order."""
    data, second, third = picture(form), picture(), picture()
    path = tmp_path / f"scan.{form.lower()}"
    path.write_bytes(data)

    job = service.queue.multimodal(
        VISION, "What is it?", images=[path, second, base64.b64encode(third).decode()], system="Look."
    )
    result = job.result(30)

    assert isinstance(result, TextResult)
    assert service.list_requests() == [
        {
            "model": VISION,
            "prompt": "What is it?",
            "system": "Look.",
            "images": [base64.b64encode(image).decode() for image in (stored(data), second, third)],
            "stream": True,
            "truncate": False,
        }
    ]


def test_what_a_camera_adds_stays_at_home(service: Service) -> None:
    """Neither Redis nor the host sees the place; the host sees the picture upright and no larger than asked for."""
    block = PIL.Image.Exif()
    block[0x0112], block[0x010E] = 6, "52.5163N 13.3777E"
    photo = io.BytesIO()
    PIL.Image.new("RGB", (128, 64), "red").save(photo, "JPEG", exif=block.tobytes())
    assert b"52.5163N" in photo.getvalue()

    job = service.queue.multimodal(VISION, "What?", images=[photo.getvalue()], max_edge=80)
    job.result(30)

    seen = base64.b64decode(service.list_requests()[0]["images"][0])
    assert PIL.Image.open(io.BytesIO(seen)).size == (40, 80)
    assert b"52.5163N" not in seen
    reference = json.loads(service.redis.hget(service.keys.record(job.id), "request"))["images"][0]
    kept = redis.Redis.from_url(service.url)
    assert kept.get(service.keys.blob(reference.removeprefix("sha256:"))) == seen
    kept.close()


def test_a_motion_photo_in_lines_of_base64_comes_by_the_inbox(service: Service) -> None:
    """As a shell on a phone's photo makes it: the host sees the picture alone."""
    photo = picture("JPEG")
    motion = photo + b"\0\0\0\x18ftypmp42" + bytes(300)
    request = {"model": VISION, "prompt": "What?", "images": [base64.encodebytes(motion).decode()]}
    job_id = str(uuid.uuid4())

    service.redis.xadd(service.keys.inbox(), {"id": job_id, "kind": "multimodal", "request": json.dumps(request)})
    service.queue.job(job_id).result(30)

    assert service.list_requests()[0]["images"] == [base64.b64encode(stored(photo)).decode()]


def test_with_messages_the_images_belong_to_the_last_question(service: Service) -> None:
    """A chat about images goes to `/api/chat`; they hang on the last user message, and the result is a message."""
    data = picture()
    service.ollama.script(tokens=["A", " cat"])

    result = service.queue.multimodal(
        VISION,
        images=[data],
        messages=[
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello", "thinking": "Long."},
            {"role": "user", "content": "And this?"},
        ],
    ).result(30)

    assert isinstance(result, ChatResult)
    assert result.text == "A cat"
    assert service.list_requests("/api/chat")[0]["messages"] == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello", "thinking": "Long."},
        {"role": "user", "content": "And this?", "images": [base64.b64encode(data).decode()]},
    ]


def test_an_image_is_stored_once_and_outside_the_message(service: Service) -> None:
    """Two jobs with one image share what is stored under its SHA-256; records hold a reference only."""
    data = picture()
    gate = service.hold(times=2)

    jobs = [service.queue.multimodal(VISION, "What?", images=[data]) for _ in range(2)]
    service.wait_held(gate, 2)

    reference = f"sha256:{hashlib.sha256(data).hexdigest()}"
    for job in jobs:
        request = service.redis.hget(service.keys.record(job.id), "request")
        assert reference in request
        assert base64.b64encode(data).decode() not in request
    assert sum(hashlib.sha256(data).hexdigest() in key for key in service.redis.keys(f"{service.prefix}:blob:*")) == 1
    service.ollama.release(gate)
    assert [job.result(30).attempts for job in jobs] == [1, 1]


def test_an_image_is_kept_until_the_last_job_that_shows_it_has_ended(service: Service) -> None:
    """Its time to live begins when no job needs it any more: neither the first end nor a cancel is enough."""
    data = picture()
    gate = service.hold()
    held = service.queue.multimodal(VISION, "Held?", images=[data])
    service.wait_held(gate)

    service.queue.multimodal(VISION, "Quick?", images=[data]).result(30)
    cancelled = service.queue.multimodal(VISION, "Never?", images=[data])
    cancelled.cancel()

    assert service.redis.ttl(blob(service, data)) == -1
    service.ollama.release(gate)
    held.result(30)
    assert 86_300 < service.redis.ttl(blob(service, data)) <= 86_400


def test_an_image_shown_again_is_kept_again(service: Service) -> None:
    """A new job for an image whose time was running takes it out of expiry."""
    data = picture()
    service.queue.multimodal(VISION, "First?", images=[data]).result(30)
    gate = service.hold()

    job = service.queue.multimodal(VISION, "Again?", images=[data])
    service.wait_held(gate)

    assert service.redis.ttl(blob(service, data)) == -1
    service.ollama.release(gate)
    job.result(30)


def test_an_image_that_is_gone_fails_the_job_with_a_typed_error(service: Service) -> None:
    """Lost between submit and run, it is not left out silently: the job fails and nothing is asked."""
    data = picture()
    gate = service.hold(times=2)
    blocking = [service.queue.generate(VISION, "Take the slots") for _ in range(2)]
    service.wait_held(gate, 2)
    job = service.queue.multimodal(VISION, "What?", images=[data])

    service.redis.delete(blob(service, data))
    service.ollama.release(gate)

    with pytest.raises(JobFailed, match="no longer stored") as caught:
        job.result(30)
    assert caught.value.code == "invalid_request"
    for one in blocking:
        one.result(30)
    assert len(service.list_requests()) == 2


def test_a_reference_to_an_image_that_is_not_stored_is_refused(service: Service) -> None:
    """`sha256:` of an unknown image queues nothing; of a stored one it stands for its bytes."""
    data = picture()
    with pytest.raises(InvalidRequest, match="send its bytes again"):
        service.queue.multimodal(VISION, "What?", images=[f"sha256:{'0' * 64}"])

    service.queue.multimodal(VISION, "First?", images=[data]).result(30)
    service.queue.multimodal(VISION, "By name?", images=[f"sha256:{hashlib.sha256(data).hexdigest()}"]).result(30)

    assert service.list_requests()[1]["images"] == [base64.b64encode(data).decode()]


def test_what_is_no_image_is_refused_before_anything_is_queued(service: Service, tmp_path: Path) -> None:
    """Text, a truncated file, a missing path, bad base64, and an image over a limit: refused with the field named."""
    whole = picture("JPEG")
    (tmp_path / "notes.png").write_text("no image")
    wrong: list[Path | bytes | str] = [
        b"no image",
        whole[: len(whole) // 2],
        "no base64!",
        tmp_path / "missing.png",
        tmp_path / "notes.png",
    ]
    for image in wrong:
        with pytest.raises(InvalidRequest) as caught:
            service.queue.multimodal(VISION, "What?", images=[whole, image])
        assert [problem.field for problem in caught.value.problems] == ["images.1"]

    strict = JobQueue(service.url, prefix=service.prefix, limits=Limits(image_pixels=63))
    with strict, pytest.raises(InvalidRequest, match=r"Limits.image_pixels"):
        strict.multimodal(VISION, "What?", images=[whole])
    assert service.list_requests() == []


def test_a_model_without_vision_is_unsupported(service: Service) -> None:
    """Its refusal comes out typed and is not tried again; a fleet that knows of it does not even queue."""
    with pytest.raises(InvalidRequest, match="no vision"):
        service.queue.multimodal("smollm2:135m", "What?", images=[picture()])
    refusal = {"code": 400, "message": "Multimodal data provided, but model does not support multimodal requests."}
    service.ollama.script(status=400, body={"error": json.dumps({"error": refusal})})
    job = service.queue.multimodal(VISION, "What?", images=[picture()])

    with pytest.raises(JobFailed) as caught:
        job.result(30)

    assert (caught.value.code, caught.value.error.retryable) == ("unsupported", False)
    assert kinds(list(job.events())) == ["queued", "started", "failed"]
    assert len(service.list_requests()) == 1
