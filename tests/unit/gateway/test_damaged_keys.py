"""Whichever key something else has written over, no route answers with a fault, and a list lacks its entry alone."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest
import redis
from starlette.types import Receive, Scope, Send

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import MODEL
from gateway.app import create_app
from gateway.settings import GatewayVariables
from tests.unit.store.all_keys import AllKeys

SHARES = 4
REPORT_SECONDS = 8.0
"""After which the world is made anew, because its hosts and leases last 15 s."""
RAW = re.compile(r"WRONGTYPE|\bERR |user_script|\.lua\b|Traceback|a fault of the gateway")
LISTS = ("models", "hosts", "workers", "readyz", "jobs", "conversations", "api/tags", "api/ps", "v1/models", "v1/files")
PAGES = ("v1/batches", "ui", "ui/queue", "ui/running", "ui/jobs", "ui/dead", "ui/charts")
JOB = {"kind": "generate", "model": MODEL, "prompt": "x"}
TURN = {"kind": "chat", "model": MODEL, "conversation": "c", "message": "x"}
POSTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/jobs", JOB),
    ("/jobs", {**JOB, "start_after": 50}),
    ("/jobs", TURN),
    ("/api/show", {"model": MODEL}),
    ("/v1/responses", {"model": MODEL, "input": "x", "background": True}),
    ("/v1/batches", {"input_file_id": "in1", "endpoint": "/v1/embeddings", "completion_window": "24h"}),
    ("/v1/batches/b1/cancel", {}),
    ("/pause", {"host": "alpha"}),
    ("/resume", {"host": "alpha"}),
    ("/conversations/c/fork", {"name": "other"}),
)
Damage = Callable[[Any, str], None]


def another_type(client: Any, key: str) -> None:
    wrong = client.type(key) == b"string"
    client.delete(key)
    client.rpush(key, "x") if wrong else client.set(key, "x")


def values(value: bytes, client: Any, key: str) -> None:
    """Put a value into each place, and beside the others."""
    match client.type(key):
        case b"hash":
            client.hset(key, mapping=dict.fromkeys([*client.hkeys(key), b"\xff"], value))
        case b"zset":
            client.zadd(key, dict.fromkeys([*client.zrange(key, 0, -1), b"\xff"], "inf" if value == b"nan" else 1e300))
        case b"set":
            client.sadd(key, value)
        case b"list":
            client.lpush(key, value)
            client.rpush(key, value)
        case b"stream":
            client.xadd(key, {b"event": value, b"request": value})
        case _:
            client.set(key, value)


DAMAGES: dict[str, Damage] = {
    "another type": another_type,
    "no number": partial(values, b"nan"),
    "JSON of another form": partial(values, b'[{"\xff": 1e999}]'),
}


class World:
    """`AllKeys`, which can be had again as it was before the damage."""

    def __init__(self, url: str, prefix: str) -> None:
        self.keys = AllKeys(url, prefix)
        self.client = redis.Redis.from_url(url)
        self.made_at = time.monotonic()
        found = self._keys()
        self._kept = [(key, self.client.dump(key), max(self.client.pttl(key), 0)) for key in found]

    def _keys(self) -> list[bytes]:
        return list(self.client.scan_iter(f"{self.keys.fleet.keys.prefix}*", count=1000))

    def restore(self) -> None:
        """As at the beginning."""
        pipeline = self.client.pipeline(transaction=False)
        pipeline.delete(*self._keys())
        for key, value, seconds in self._kept:
            if value:
                pipeline.restore(key, seconds, value)
        pipeline.execute()

    def reads(self) -> list[str]:
        """What is read of one job, file or batch."""
        ids = [job.id for job in self.keys.jobs.values()]
        done = self.keys.jobs["done"].id
        found = [f"/jobs/{job_id}" for job_id in ids] + [f"/ui/jobs/{done}"]
        found += [f"/v1/files/{name}{end}" for name in ("in1", "in2") for end in ("", "/content")]
        return [*found, "/v1/batches/b1", "/v1/batches/b2", "/conversations/c", f"/jobs/{done}/events"]

    def close(self) -> None:
        self.client.delete(*self._keys())
        self.client.close()
        self.keys.close()


@asynccontextmanager
async def gateway(url: str, prefix: str) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway in this process. An exception that is none of its own is raised here."""
    settings = GatewayVariables(redis_url=url, prefix=prefix, call_seconds=2)
    app = create_app(settings, None)
    async with app.router.lifespan_context(app) as state:

        async def stated(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "state": dict(state or {})}, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(stated), base_url="http://127.0.0.1") as http:
            yield http


async def problem(http: httpx.AsyncClient, method: str, path: str, body: Any = None, *, whole: bool = False) -> str:
    """What is wrong with an answer, or ''. `whole` asks for one that is no error."""
    try:
        answer = await asyncio.wait_for(http.request(method, path, json=body), 5)
    except Exception as error:  # noqa: BLE001 - it is what the gateway would log
        return f"{method} {path}: {error!r}"
    fault = answer.status_code >= 500 and answer.status_code != 503
    wrong = fault or (whole and answer.status_code != 200) or RAW.search(answer.text)
    return f"{method} {path}: {answer.status_code} {answer.text[-300:]}" if wrong else ""


async def problems(http: httpx.AsyncClient, world: World, *, lists: bool) -> list[str]:
    """All that is wrong with the answers. With `lists`, these have to be there."""
    found = [await problem(http, "GET", f"/{path}", whole=lists) for path in (*LISTS, *PAGES)]
    found += [await problem(http, "GET", path) for path in world.reads()]
    found += [await problem(http, "POST", path, body) for path, body in POSTS]
    return list(filter(None, found))


@pytest.fixture
def worlds(redis_server: EmbeddedRedis, prefix: str) -> Iterator[Callable[[], World]]:
    """The world, made anew where it is too old."""
    made: list[World] = []

    def world() -> World:
        if not made or time.monotonic() > made[-1].made_at + REPORT_SECONDS:
            if made:
                made.pop().close()
            made.append(World(redis_server.url, prefix))
        return made[-1]

    yield world
    made[-1].close()


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("damage", DAMAGES)
def test_no_route_answers_with_a_fault(
    worlds: Callable[[], World], redis_server: EmbeddedRedis, prefix: str, damage: str, share: int
) -> None:
    """A key of another type may refuse a list until a worker has set it aside; a foreign value leaves one entry out."""
    names = worlds().keys.names()[share::SHARES]

    async def case() -> None:
        wrong: dict[str, list[str]] = {}
        async with gateway(redis_server.url, prefix) as http:
            for name in names:
                world = await asyncio.to_thread(worlds)
                world.restore()
                DAMAGES[damage](world.client, world.keys.real(name))
                if found := await problems(http, world, lists=damage != "another type"):
                    wrong[name] = found
        assert wrong == {}

    asyncio.run(case())
