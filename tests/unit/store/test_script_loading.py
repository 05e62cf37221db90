"""A user that may not load scripts waits for somebody who does, and says so when nobody comes."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio

from embedded.redis import EmbeddedRedis
from llamaq.store import scripts
from llamaq.store.clock import Clock
from llamaq.store.connection import Call, run_async, run_many
from llamaq.store.script_loading import ScriptMissing, load, load_async
from llamaq.store.scripts import Script


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    """A Redis with a user `modest`, who may run scripts and not load them."""
    with EmbeddedRedis.start(appendonly=False) as server:
        with redis.Redis.from_url(server.url) as client:
            client.execute_command(
                "ACL SETUSER modest on >x ~* -@all +evalsha +script|exists +select +hello +auth +ping"
            )
        yield server


@pytest.fixture
def script(tmp_path: Path, server: EmbeddedRedis) -> Script:
    """One that Redis does not know."""
    (tmp_path / "unknown.lua").write_text(f"return '{tmp_path.name}'")
    return scripts.load("unknown", tmp_path)


@pytest.fixture
def modest_url(server: EmbeddedRedis) -> str:
    """As that user."""
    return server.url.replace("redis://", "redis://modest:x@")


class Patient(Clock):
    """Does not sleep; at the third pause somebody loads the script."""

    def __init__(self, loads: Any) -> None:
        self.pauses = 0
        self._loads = loads

    def sleep(self, seconds: float) -> None:
        self.pauses += 1
        if self.pauses == 3:
            self._loads()


def test_it_waits_until_somebody_has_loaded_it(server: EmbeddedRedis, modest_url: str, script: Script) -> None:
    """As a producer does after a restart of Redis, while the workers look once a second."""
    with redis.Redis.from_url(server.url) as worker, redis.Redis.from_url(modest_url) as client:
        clock = Patient(lambda: worker.script_load(script.text))
        load(client, script, clock)

        assert clock.pauses == 3
        assert client.evalsha(script.sha, 0)


def test_it_says_who_is_missing(modest_url: str, script: Script) -> None:
    """After its patience, with the remedy."""
    with redis.Redis.from_url(modest_url) as client, pytest.raises(ScriptMissing, match="start a worker"):
        load(client, script, Patient(lambda: None))


def test_a_user_with_all_rights_loads_it_itself(server: EmbeddedRedis, script: Script) -> None:
    """Without a pause."""
    with redis.Redis.from_url(server.url) as client:
        clock = Patient(lambda: None)
        load(client, script, clock)
        answers = run_many(client, [Call(script, [])] * 2)

    assert clock.pauses == 0
    assert len(set(answers)) == 1


def test_the_same_over_asyncio(server: EmbeddedRedis, modest_url: str, script: Script) -> None:
    """A call waits while somebody else loads."""

    async def whole() -> str:
        worker = redis.asyncio.Redis.from_url(server.url)
        async with redis.asyncio.Redis.from_url(modest_url, decode_responses=True) as client, worker:
            running = asyncio.create_task(run_async(client, Call(script, [])))
            while not running.done():
                await worker.script_load(script.text)
                await asyncio.sleep(0.01)
            return str(await running)

    assert script.text == f"return '{asyncio.run(whole())}'"


def test_over_asyncio_too_it_says_who_is_missing(
    modest_url: str, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same words."""
    monkeypatch.setattr("llamaq.store.script_loading.PAUSE_SECONDS", 0)

    async def whole() -> None:
        async with redis.asyncio.Redis.from_url(modest_url) as client:
            await load_async(client, script)

    with pytest.raises(ScriptMissing, match="start a worker"):
        asyncio.run(whole())
