"""How scripts are run where Redis does not know them: loaded, or waited for by a user that may not load them."""

import asyncio
import math
import threading
from collections.abc import Callable, Iterator

import pytest
import redis
from redis.exceptions import ResponseError

from embedded.redis import EmbeddedRedis
from llamaq.store import script_runs, scripts
from llamaq.store.answers import Answer
from llamaq.store.connections.clients import connect, connect_async
from llamaq.store.producer_scripts import Cancel, Status
from llamaq.store.redis_client import Client
from llamaq.store.script_drivers import run, run_async, run_many
from llamaq.store.script_runs import Call, ScriptMissing, Send, run_steps
from llamaq.store.worker.worker_scripts import Leave, WebhookSettle

CALL = Call("p", Status(id="nobody", fields="state"))
OTHER = Call("p", Cancel(id="nobody", members="", reason=""))


@pytest.fixture
def server() -> Iterator[EmbeddedRedis]:
    """A Redis that knows no script, with a user `modest` who may run scripts and not load them."""
    with EmbeddedRedis.start(appendonly=False) as server:
        with redis.Redis.from_url(server.url) as client:
            rules = "+@read +hdel +evalsha +script|exists +select +hello +auth +ping"
            client.execute_command(f"ACL SETUSER modest on >x ~* -@all {rules} +time")
        yield server


@pytest.fixture
def modest_url(server: EmbeddedRedis) -> str:
    """As that user."""
    return server.url.replace("redis://", "redis://modest:x@")


def words(answers: list[Answer | Exception]) -> list[str]:
    return [str(answer) if isinstance(answer, Exception) else answer.word for answer in answers]


def test_a_script_that_redis_forgot_is_loaded_and_run(server: EmbeddedRedis) -> None:
    """A restart of Redis empties its scripts: alone or among many, a call still has its answer."""
    with connect(server.url) as client, redis.Redis.from_url(server.url) as other:
        assert run(client, CALL).word == "MISSING"
        other.script_flush()
        assert words(run_many(client, [CALL, OTHER, CALL])) == ["MISSING"] * 3


def test_an_error_in_one_of_many_stands_in_its_place(server: EmbeddedRedis) -> None:
    """The others have their answers; alone, it is raised."""
    broken = Call("p", WebhookSettle(id="broken", tries=1, outcome="later", seconds=math.nan, reason="", body=""))
    with connect(server.url) as client, redis.Redis.from_url(server.url) as other:
        other.hset("p:webhook:broken", "tries", 1)
        first, second, third = run_many(client, [CALL, broken, CALL])

        assert words([first, third]) == ["MISSING"] * 2
        assert isinstance(second, ResponseError)
        with pytest.raises(ResponseError):
            run(client, broken)


def test_it_waits_until_a_worker_has_loaded_it(server: EmbeddedRedis, modest_url: str) -> None:
    """As a producer does after a restart of Redis, while the workers look once a second."""
    pauses = 0
    with connect(modest_url) as client, redis.Redis.from_url(server.url) as worker:

        def load_at_the_third() -> None:
            nonlocal pauses
            pauses += 1
            if pauses == 3:
                worker.script_load(scripts.load(Status).text)

        answers = _driven(client, load_at_the_third)

    assert words(answers) == ["MISSING"]
    assert pauses == 3


def _driven(client: Client, pause: Callable[[], None]) -> list[Answer | Exception]:
    steps = run_steps([CALL])
    replies = None
    while True:
        try:
            step = steps.send(replies)
        except StopIteration as end:
            return list(end.value)
        if not isinstance(step, Send):
            pause()
        replies = client.execute_all(step.commands) if isinstance(step, Send) else []


def test_it_says_who_is_missing(modest_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no worker comes, with the remedy."""
    monkeypatch.setattr(script_runs, "POLL_SECONDS", 0)

    with connect(modest_url) as client, pytest.raises(ScriptMissing, match="start a worker"):
        run(client, CALL)


def test_over_asyncio_too_it_says_who_is_missing(modest_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same words."""
    monkeypatch.setattr(script_runs, "POLL_SECONDS", 0)

    async def call() -> None:
        await run_async(connect_async(modest_url), CALL)

    with pytest.raises(ScriptMissing, match="start a worker"):
        asyncio.run(call())


def test_the_same_over_asyncio(server: EmbeddedRedis, modest_url: str) -> None:
    """A call waits while a worker loads."""

    async def whole() -> str:
        waiting = asyncio.create_task(run_async(connect_async(modest_url), CALL))
        worker = connect_async(server.url)
        while not waiting.done():
            await worker.execute_command("SCRIPT LOAD", scripts.load(Status).text)
            await asyncio.sleep(0.01)
        return (await waiting).word

    assert asyncio.run(whole()) == "MISSING"


def test_calls_from_many_threads_are_run_once_each(server: EmbeddedRedis) -> None:
    """Where all meet a Redis without scripts at the same moment."""
    together, found = threading.Barrier(8), []

    def call() -> None:
        with connect(server.url) as client:
            together.wait(30)
            found.append(run(client, Call("p", Leave(host="h", worker="w"))).word)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["OK"] * 8
