"""AsyncJobQueue: every verb, against a real worker."""

import asyncio
import io
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import PIL.Image
import pytest

from llamaq import (
    AsyncJobQueue,
    ChatResult,
    EmbeddingResult,
    GenerateRequest,
    InvalidRequest,
    JobCancelled,
    JobFailed,
    JobNotFound,
    StreamRestarted,
    TextResult,
    UnknownModel,
)
from llamaq.vocabulary.events import Completed, Queued
from tests.conftest import MODEL
from tests.service import Service, fresh_name

Scene = Callable[[Service, AsyncJobQueue], Coroutine[Any, Any, None]]


def awaited(scene: Scene) -> Callable[[Service], None]:
    """Play a scene with an async client on a loop of its own."""

    async def play(service: Service) -> None:
        async with AsyncJobQueue(service.url, prefix=service.prefix) as queue:
            await asyncio.wait_for(scene(service, queue), 60)

    @wraps(scene)
    def test(service: Service) -> None:
        asyncio.run(play(service))

    del test.__wrapped__  # pytest would look for the scene's own arguments
    return test


@awaited
async def test_generate_streams_and_completes(service: Service, queue: AsyncJobQueue) -> None:
    """Events from queued to completed; text piece by piece; the result, typed."""
    await asyncio.to_thread(service.ollama.script, tokens=["a", "b"], rate=50)

    job = await queue.generate(MODEL, "Why?", options={"seed": 1})
    events = [event async for event in job.events()]
    text = "".join([piece async for piece in job.text(on_restart="raise")])
    result = await job.result(30)

    assert isinstance(events[0], Queued)
    assert isinstance(events[-1], Completed)
    assert isinstance(result, TextResult)
    assert text == result.text == "ab"
    assert [event async for event in job.events(after=events[0].cursor)] == events[1:]


@awaited
async def test_chat_and_its_conversation(service: Service, queue: AsyncJobQueue) -> None:
    """Both forms of chat."""
    name = fresh_name()
    first = await queue.chat(MODEL, messages=[{"role": "user", "content": "Hi"}])
    second = await queue.chat(MODEL, conversation=name, message="Hi")

    assert isinstance(await first.result(30), ChatResult)
    assert (await second.result(30)).message.role == "assistant"


@awaited
async def test_multimodal(service: Service, queue: AsyncJobQueue) -> None:
    """Images are checked and stored by the async client too."""
    data = io.BytesIO()
    PIL.Image.new("RGB", (32, 32)).save(data, "PNG")

    job = await queue.multimodal("smollm2-vision:135m", "What?", images=[data.getvalue()])

    assert (await job.result(30)).text
    with pytest.raises(InvalidRequest):
        await queue.multimodal("smollm2-vision:135m", "What?", images=[b"none"])


@awaited
async def test_extract_and_embed(service: Service, queue: AsyncJobQueue) -> None:
    """A typed value, and vectors."""
    await asyncio.to_thread(service.ollama.script, tokens=['{"a": 1}'], path="/api/chat")

    extraction = await queue.extract(MODEL, "Draw", schema=dict[str, int])
    embedding = await queue.embed("smollm2-embed:135m", ["a", "b"])

    assert (await extraction.result(30)).parse(dict[str, int]) == {"a": 1}
    result = await embedding.result(30)
    assert isinstance(result, EmbeddingResult)
    assert len(result.embeddings) == 2


@awaited
async def test_submit_submit_many_and_job(service: Service, queue: AsyncJobQueue) -> None:
    """Requests as dicts and models, an id of one's own, and attaching by id."""
    name = fresh_name()
    one = await queue.submit({"kind": "generate", "model": MODEL, "prompt": "a"}, job_id=name)
    again = await queue.submit({"kind": "generate", "model": MODEL, "prompt": "a"}, job_id=name)
    many = await queue.submit_many([GenerateRequest(model=MODEL, prompt=str(number)) for number in range(5)])

    assert one.id == again.id == name
    assert (await queue.job(name).result(30)).text
    await asyncio.gather(*(job.result(30) for job in many))
    known = [status.id for status in await queue.jobs(6)]
    assert set(known) == {name, *(job.id for job in many)}
    assert len(await asyncio.to_thread(service.list_requests)) == 6


@awaited
async def test_status_and_cancel(service: Service, queue: AsyncJobQueue) -> None:
    """A running job is running, is cancelled with its reason, and closes its connection."""
    gate = await asyncio.to_thread(service.hold)
    job = await queue.generate(MODEL, "Why?")
    await asyncio.to_thread(service.wait_held, gate)
    assert (await job.status()).state == "running"

    assert await job.cancel("enough")

    await asyncio.to_thread(service.wait_hung_up)
    with pytest.raises(JobCancelled, match="enough"):
        await job.result(30)
    assert (await job.status()).reason == "enough"


@pytest.mark.usefixtures("hasty")
@awaited
async def test_errors_are_those_of_the_sync_client(service: Service, queue: AsyncJobQueue) -> None:
    """UnknownModel with what is near, JobNotFound, JobFailed, StreamRestarted and TimeoutError."""
    with pytest.raises(UnknownModel) as unknown:
        await queue.generate("smollm2", "Why?")
    assert unknown.value.near[0] == MODEL
    for lost in (queue.job("nobody").status(), queue.job("nobody").cancel()):
        with pytest.raises(JobNotFound):
            await lost
    with pytest.raises(InvalidRequest, match="embedding"):
        await queue.embed(MODEL, "a")
    await asyncio.to_thread(service.ollama.script, status=400, body={"error": "no"})
    with pytest.raises(JobFailed):
        await (await queue.generate(MODEL, "Why?")).result(30)

    await asyncio.to_thread(service.ollama.script, tokens=["a"], fault="end")
    job = await queue.generate(MODEL, "Why?")
    with pytest.raises(StreamRestarted) as restarted:
        assert [piece async for piece in job.text(on_restart="raise")] == []
    assert "".join([piece async for piece in job.text(after=restarted.value.cursor, on_restart="raise")])

    gate = await asyncio.to_thread(service.hold)
    held = await queue.generate(MODEL, "Why?")
    with pytest.raises(TimeoutError):
        await held.result(0.1)
    await asyncio.to_thread(service.ollama.release, gate)
    await held.result(30)


@awaited
async def test_many_jobs_share_one_loop(service: Service, queue: AsyncJobQueue) -> None:
    """Thirty jobs are sent and followed at once."""
    jobs = await asyncio.gather(*(queue.generate(MODEL, str(number)) for number in range(30)))

    results = await asyncio.gather(*(job.result(60) for job in jobs))

    assert {result.text for result in results} == {"Hello from the script."}
