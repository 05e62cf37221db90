"""Batches of scripts: the next is on its way while the one before is answered, and a lost connection loses none."""

import asyncio
import base64
import io
from collections.abc import Sequence
from typing import Any

import PIL.Image
import pytest
import redis

from embedded.scripted.fleet import MODEL, Fleet
from llamaq import AsyncJobQueue, JobQueue, QueueFull, UnknownModel
from llamaq.client.aio.pipeline import AsyncPipeline
from llamaq.client.blocking.pipeline import Pipeline
from llamaq.settings.producer import Settings
from llamaq.store.connections.aio_client import AsyncBoundedRedis
from llamaq.store.connections.clients import BoundedRedis, connect_async
from llamaq.store.producer_scripts import Status
from llamaq.store.script_drivers import run_many
from llamaq.store.script_runs import Call

BATCH = 4


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that few jobs are several batches."""
    for name in ("aio", "blocking"):
        monkeypatch.setattr(f"llamaq.client.{name}.producer.BATCH", BATCH)


def requests(number: int) -> list[dict[str, Any]]:
    """Each is known by its prompt."""
    return [{"kind": "generate", "model": MODEL, "prompt": str(each)} for each in range(number)]


def submit_many(fleet: Fleet, asked: Sequence[dict[str, Any]], how: str, **settings: Any) -> list[str]:
    """The ids of the jobs, by either client."""
    given = Settings(keys=fleet.keys, **settings)

    async def awaited() -> list[str]:
        async with AsyncJobQueue(fleet.url, settings=given) as queue:
            return [job.id for job in await queue.submit_many(asked)]

    if how == "asyncio":
        return asyncio.run(awaited())
    with JobQueue(fleet.url, settings=given) as queue:
        return [job.id for job in queue.submit_many(asked)]


def prompts(fleet: Fleet) -> list[str]:
    """Those that wait, in their order."""
    found = [fleet.record(each)["request"] for each in fleet.waiting_jobs()]
    return [request.split('"prompt":"')[1].split('"')[0] for request in found]


class Watched:
    """Notes what a client sends ahead and receives, and cuts the connection before one of the replies."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, cut_before: int = -1) -> None:
        self.steps: list[str] = []
        self._cut_before = cut_before
        self._patch(monkeypatch, BoundedRedis)
        self._patch_async(monkeypatch, AsyncBoundedRedis)

    def _noted(self, step: str, connection: Any) -> bool:
        self.steps.append(step)
        return step == "receive" and self.steps.count("receive") == self._cut_before

    def _patch(self, monkeypatch: pytest.MonkeyPatch, client: Any) -> None:
        send, receive = client.send, client.receive

        def sending(this: Any, commands: Any, connection: Any = None) -> Any:
            self._noted("send", connection)
            return send(this, commands, connection)

        def receiving(this: Any, connection: Any, commands: Any) -> Any:
            if self._noted("receive", connection):
                connection.disconnect()
                raise redis.ConnectionError("cut")
            return receive(this, connection, commands)

        monkeypatch.setattr(client, "send", sending)
        monkeypatch.setattr(client, "receive", receiving)

    def _patch_async(self, monkeypatch: pytest.MonkeyPatch, client: Any) -> None:
        send, receive = client.send, client.receive

        async def sending(this: Any, commands: Any, connection: Any = None) -> Any:
            self._noted("send", connection)
            return await send(this, commands, connection)

        async def receiving(this: Any, connection: Any, commands: Any) -> Any:
            if self._noted("receive", connection):
                await connection.disconnect(nowait=True)
                raise redis.ConnectionError("cut")
            return await receive(this, connection, commands)

        monkeypatch.setattr(client, "send", sending)
        monkeypatch.setattr(client, "receive", receiving)


HOWS = pytest.mark.parametrize("how", ["threads", "asyncio"])


@HOWS
def test_the_next_batch_is_sent_before_the_last_is_answered(
    fleet: Fleet, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two batches are under way at a time, and no more; the jobs keep the order of their requests."""
    submit_many(fleet, requests(1), how)  # the script is known now
    watched = Watched(monkeypatch)

    ids = submit_many(fleet, requests(3 * BATCH), how)

    assert watched.steps == ["send", "send", "receive", "send", "receive", "receive"]
    assert fleet.waiting_jobs()[1:] == ids
    assert prompts(fleet)[1:] == [str(each) for each in range(3 * BATCH)]


@HOWS
def test_a_redis_without_the_script_gets_it_and_keeps_the_order(fleet: Fleet, how: str) -> None:
    """Batches that were sent ahead of the loading are called again in their order."""
    fleet.redis.script_flush()

    ids = submit_many(fleet, requests(5 * BATCH), how, max_connections=1)

    assert fleet.waiting_jobs() == ids
    assert prompts(fleet) == [str(each) for each in range(5 * BATCH)]


@HOWS
@pytest.mark.parametrize("cut_before", [1, 2, 4])
def test_a_lost_connection_loses_and_doubles_no_job(
    fleet: Fleet, how: str, cut_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent and not answered is sent again: Redis may have run it, and knows its jobs."""
    submit_many(fleet, requests(1), how)
    Watched(monkeypatch, cut_before=cut_before)

    ids = submit_many(fleet, requests(4 * BATCH), how)

    assert fleet.waiting_jobs()[1:] == ids
    assert prompts(fleet)[1:] == [str(each) for each in range(4 * BATCH)]


@HOWS
def test_a_refusal_is_raised_once_what_is_under_way_has_an_answer(
    fleet: Fleet, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch behind the refused job was on its way, and is queued as far as it fits; nothing is sent after that."""
    submit_many(fleet, requests(1), how)
    watched = Watched(monkeypatch)

    with pytest.raises(QueueFull):
        submit_many(fleet, requests(4 * BATCH), how, max_queued=BATCH)

    assert prompts(fleet)[1:] == [str(each) for each in range(BATCH - 1)]
    assert watched.steps == ["send", "send", "receive", "receive"]


@HOWS
def test_the_connection_of_the_batches_goes_back_to_the_pool(
    fleet: Fleet, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether all were queued, one was refused or the connection was cut: a queue with one connection goes on."""
    settings = Settings(keys=fleet.keys, max_connections=1, max_queued=4 * BATCH)
    asked, too_many = requests(2 * BATCH), requests(3 * BATCH)

    async def awaited() -> None:
        async with AsyncJobQueue(fleet.url, settings=settings) as queue:
            await queue.submit_many(asked)
            with pytest.raises(QueueFull):
                await queue.submit_many(too_many)
            fleet.redis.flushdb()
            Watched(monkeypatch, cut_before=1)
            await queue.submit_many(asked)
            await queue.submit_many(asked)

    if how == "asyncio":
        asyncio.run(awaited())
    else:
        with JobQueue(fleet.url, settings=settings) as queue:
            queue.submit_many(asked)
            with pytest.raises(QueueFull):
                queue.submit_many(too_many)
            fleet.redis.flushdb()
            Watched(monkeypatch, cut_before=1)
            queue.submit_many(asked)
            queue.submit_many(asked)
    assert len(fleet.waiting_jobs()) == 4 * BATCH


@HOWS
def test_images_and_refusals_that_need_a_call_have_the_one_connection(fleet: Fleet, how: str) -> None:
    """The images of a batch are stored before it is sent, and a model that is near an unknown one is looked up."""
    fleet.add_host(models=[MODEL], slots=1)
    image = "data:image/png;base64," + base64.b64encode(_png()).decode()
    shown = {"kind": "multimodal", "model": MODEL, "prompt": "see", "images": [image]}

    ids = submit_many(fleet, [*requests(2 * BATCH), *[shown] * BATCH], how, max_connections=1)
    with pytest.raises(UnknownModel):
        submit_many(fleet, [*requests(BATCH), {**requests(1)[0], "model": MODEL + "x"}], how, max_connections=1)

    assert fleet.waiting_jobs()[: len(ids) - 1] == ids[1:]
    assert fleet.record(ids[-1])["images"]


def _png() -> bytes:
    data = io.BytesIO()
    PIL.Image.new("L", (32, 32)).save(data, "PNG")
    return data.getvalue()


@HOWS
def test_batches_that_are_not_ended_close_their_connection(fleet: Fleet, how: str) -> None:
    """Replies that nobody reads are not taken for those of another call."""
    calls = [Call(fleet.keys.prefix, Status(id="nobody", fields="state"))]
    run_many(fleet.redis, calls)

    async def awaited() -> str:
        client = connect_async(fleet.url)
        async with AsyncPipeline(client, 5) as pipeline:
            await pipeline.begin(calls)
        pong = await client.execute_command("ECHO", "this")
        await client.aclose()
        return str(pong)

    if how == "asyncio":
        assert asyncio.run(awaited()) == "this"
        return
    with Pipeline(fleet.redis, 5) as pipeline:
        pipeline.begin(calls)
    assert fleet.redis.execute_command("ECHO", "this") == "this"
