"""Each verb of the SDK ends within its limit, whatever Redis does: every verb x every kind of outage, both clients."""

import asyncio
import inspect
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import redis

from embedded.redis import EmbeddedRedis
from llamaq import AsyncJobQueue, BrokerUnavailable, JobQueue, LlamaqError
from llamaq.client import reader_limits
from llamaq.client.dead_letters import DeadLetter
from llamaq.settings.producer import Settings
from llamaq.store.keys import Keys
from tests.faults.lateness import Lateness
from tests.faults.proxy import Mode, OutageProxy

LIMIT_SECONDS = 0.5
BEYOND_SECONDS = 1.5
TLS_BEYOND_SECONDS = 5.0
"""Verbs that share a loop make their TLS contexts one after another, for which a slow machine needs time."""
ANSWERED_SECONDS = 10.0
"""The limit where Redis answers, for which a slow machine needs time."""
PREFIX = "limits"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgAQAAAABbAUdZAAAADElEQVR42mNgGNwAAACgAAGO+7G0AAAAAElFTkSuQmCC"
LETTER = DeadLetter(
    id="1-1", job_id="", kind="generate", source="inbox", message='{"model":"m","prompt":"x"}', reason="r", at=0
)

# name, the call for a queue and a job
VERBS: dict[str, Callable[[Any, Any], Any]] = {
    "submit": lambda queue, _: queue.submit({"kind": "generate", "model": "m", "prompt": "x"}),
    "submit_many": lambda queue, _: queue.submit_many([{"kind": "generate", "model": "m", "prompt": "x"}] * 3),
    "generate": lambda queue, _: queue.generate("m", "x"),
    "chat": lambda queue, _: queue.chat(conversation="c", message="x"),
    "multimodal": lambda queue, _: queue.multimodal("m", "x", images=[PIXEL]),
    "extract": lambda queue, _: queue.extract("m", "x", schema={"type": "object"}),
    "embed": lambda queue, _: queue.embed("m", ["a"]),
    "pull": lambda queue, _: queue.pull("m"),
    "unload": lambda queue, _: queue.unload("m"),
    "load": lambda queue, _: queue.load("m"),
    "workers": lambda queue, _: queue.workers(),
    "running": lambda queue, _: queue.running(),
    "waiting": lambda queue, _: queue.waiting(),
    "history": lambda queue, _: queue.history(),
    "waiting_by_tenant": lambda queue, _: queue.waiting_by_tenant(),
    "pause": lambda queue, _: queue.pause(model="m"),
    "drain": lambda queue, _: queue.drain(model="m"),
    "resume": lambda queue, _: queue.resume(model="m"),
    "models": lambda queue, _: queue.models(),
    "hosts": lambda queue, _: queue.hosts(),
    "show": lambda queue, _: queue.show("m"),
    "delete": lambda queue, job: queue.delete(job.id),
    "jobs": lambda queue, _: queue.jobs(tenant="t"),
    "replay": lambda queue, job: queue.replay(job.id),
    "dead": lambda queue, _: queue.dead(),
    "dead_letter": lambda queue, _: queue.dead_letter("1-1"),
    "put_back": lambda queue, _: queue.put_back(LETTER),
    "discard": lambda queue, _: queue.discard(LETTER),
    "conversations": lambda queue, _: queue.conversations(),
    "batch": lambda queue, _: queue.batch([{"kind": "generate", "model": "m", "prompt": "x"}]),
    "extract_many": lambda queue, _: queue.extract_many({"type": "object"}, ["x"], model="m"),
    "job.status": lambda _, job: job.status(),
    "job.request": lambda _, job: job.request(),
    "job.cancel": lambda _, job: job.cancel(),
    "job.result": lambda _, job: job.result(),
    "job.result(timeout)": lambda _, job: job.result(timeout=LIMIT_SECONDS),
    "job.events": lambda _, job: job.events(),
    "job.text": lambda _, job: job.text(),
    "job.partials": lambda _, job: job.partials(dict[str, str]),
    "conversation.send": lambda queue, _: queue.conversation("c").send("x"),
    "conversation.history": lambda queue, _: queue.conversation("c").history(),
    "conversation.settings": lambda queue, _: queue.conversation("c").settings(),
    "conversation.set": lambda queue, _: queue.conversation("c").set(model="m"),
    "conversation.edit": lambda queue, _: queue.conversation("c").edit(1, "x"),
    "conversation.fork": lambda queue, _: queue.conversation("c").fork("d"),
    "conversation.delete": lambda queue, _: queue.conversation("c").delete(),
}
OFFLINE = {"job", "conversation", "from_env", "close", "with_most_waiting"}
"""Verbs that ask Redis for nothing, or let go of it."""
READERS = {"batch", "extract_many", "job.result", "job.events", "job.text", "job.partials"}
"""Those without a timeout, which go on for as long as an outage may last; here as long as a call."""


def test_every_verb_is_here() -> None:
    """A verb that is added belongs into the table."""
    queue = JobQueue("redis://127.0.0.1:1/0")
    objects = {"": queue, "job.": queue.job("j"), "conversation.": queue.conversation("c")}
    verbs = {
        f"{of}{name}"
        for of, one in objects.items()
        for name, _ in inspect.getmembers(one, inspect.ismethod)
        if not name.startswith("_")
    }
    assert verbs - OFFLINE == set(VERBS) - {"job.result(timeout)"}


@contextmanager
def _frozen(server: EmbeddedRedis, _proxy: OutageProxy) -> Iterator[str]:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield server.url
    finally:
        os.kill(server.pid, signal.SIGCONT)


def _make_proxy_outage(mode: Mode) -> Any:
    @contextmanager
    def outage(_server: EmbeddedRedis, proxy: OutageProxy) -> Iterator[str]:
        proxy.set(mode)
        try:
            yield proxy.url
        finally:
            proxy.set("pass")

    return outage


@contextmanager
def _refusing(_server: EmbeddedRedis, _proxy: OutageProxy) -> Iterator[str]:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{closed.getsockname()[1]}/0"


@contextmanager
def _accepting(_server: EmbeddedRedis, _proxy: OutageProxy) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


@contextmanager
def _slow_tls(_server: EmbeddedRedis, _proxy: OutageProxy) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        yield f"rediss://127.0.0.1:{listener.getsockname()[1]}/0?ssl_cert_reqs=none"


@contextmanager
def _replica(server: EmbeddedRedis, _proxy: OutageProxy) -> Iterator[str]:
    with redis.Redis(port=server.port) as client:
        client.replicaof("127.0.0.1", 1)
        try:
            yield server.url
        finally:
            client.replicaof("NO", "ONE")


@contextmanager
def _full(server: EmbeddedRedis, _proxy: OutageProxy) -> Iterator[str]:
    with redis.Redis(port=server.port) as client:
        client.config_set("maxmemory", "1")
        try:
            yield server.url
        finally:
            client.config_set("maxmemory", "0")


SILENT = {
    "frozen": _frozen,
    "silent": _make_proxy_outage("silent"),
    "dribbling": _make_proxy_outage("dribble"),
    "refusing": _refusing,
    "accepting": _accepting,
    "slow TLS": _slow_tls,
}
"""Outages in which no verb can succeed."""
WRITES_REFUSED = {"a replica": _replica, "full": _full}
OUTAGES = {**SILENT, **WRITES_REFUSED}


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    """A Redis that is hurt, and mended after each outage. Each verb has been called once, so that it is imported."""
    with EmbeddedRedis.start(appendonly=False) as server:
        for client in (_call_blocking, _call_async):
            client("redis://127.0.0.1:1/0", "any", [name for name in VERBS if name not in READERS])
        yield server


@pytest.fixture(scope="module")
def proxy(server: EmbeddedRedis) -> Iterator[OutageProxy]:
    """A proxy before it."""
    with OutageProxy(server.port) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def short_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader gives up after the time of a call, where it would wait for two minutes."""
    monkeypatch.setattr(reader_limits, "OUTAGE_SECONDS", LIMIT_SECONDS)


def _make_settings(limit: float = LIMIT_SECONDS) -> Settings:
    return Settings(keys=Keys(PREFIX), call_seconds=limit)


Outcome = tuple[str, float, BaseException | None]


def _time_call(name: str, call: Callable[[], Any]) -> Outcome:
    began = time.monotonic()
    try:
        answer = call()
        if inspect.isgenerator(answer):
            for _ in answer:
                pass
    except Exception as error:  # noqa: BLE001 - it is judged below
        return name, time.monotonic() - began, error
    return name, time.monotonic() - began, None


async def _time_async_call(name: str, call: Callable[[], Any]) -> Outcome:
    began = time.monotonic()
    try:
        answer: Any = call()
        if inspect.isasyncgen(answer):
            async for _ in answer:
                pass
        else:
            await answer
    except Exception as error:  # noqa: BLE001 - as above
        return name, time.monotonic() - began, error
    return name, time.monotonic() - began, None


def _call_blocking(url: str, job_id: str, verbs: list[str], limit: float = LIMIT_SECONDS) -> list[Outcome]:
    with JobQueue(url, settings=_make_settings(limit)) as queue, ThreadPoolExecutor(len(verbs)) as threads:
        job = queue.job(job_id)
        calls = [threads.submit(_time_call, name, lambda name=name: VERBS[name](queue, job)) for name in verbs]  # type: ignore[misc]  # mypy cannot see through the default
        return [call.result(60) for call in calls]


def _call_async(url: str, job_id: str, verbs: list[str], limit: float = LIMIT_SECONDS) -> list[Outcome]:
    async def call_all() -> list[Outcome]:
        async with AsyncJobQueue(url, settings=_make_settings(limit)) as queue:
            job = queue.job(job_id)
            calls = [_time_async_call(name, lambda name=name: VERBS[name](queue, job)) for name in verbs]  # type: ignore[misc]  # as above
            return await asyncio.gather(*calls)

    return asyncio.run(call_all())


def split_verbs(verbs: list[str], number: int) -> Iterator[list[str]]:
    """So many that a slow machine has time for all of them within the limit of each: a context of TLS takes 30 ms."""
    return (verbs[at : at + number] for at in range(0, len(verbs), number))


@pytest.mark.parametrize("client", [_call_blocking, _call_async], ids=["blocking", "asyncio"])
@pytest.mark.parametrize("kind", OUTAGES)
def test_each_verb_ends_within_its_limit(
    kind: str, client: Callable[..., list[Outcome]], server: EmbeddedRedis, proxy: OutageProxy
) -> None:
    """With the typed error, which says what and what to do; a timeout of the caller's ends as the caller's."""
    with JobQueue(server.url, settings=_make_settings(ANSWERED_SECONDS)) as queue:
        queue.conversation("c").set(model="m")
        job_id = queue.generate("m", "x", wait_for_model=True).id
    # On a Redis that only refuses to write, a reader of this job would rightly wait for its end.
    verbs = [name for name in VERBS if kind in SILENT or name not in READERS]

    limit = LIMIT_SECONDS if kind in SILENT else ANSWERED_SECONDS

    outcomes: list[Outcome] = []
    with OUTAGES[kind](server, proxy) as url:
        for some in split_verbs(verbs, 4 if "TLS" in kind else 18):
            with Lateness() as late:
                batch = client(url, job_id, some, limit)
            for name, seconds, error in batch:
                allowed = limit + (TLS_BEYOND_SECONDS if "TLS" in kind else BEYOND_SECONDS) + late.seconds
                assert seconds < allowed, f"{name}: {seconds:.2f} s of {allowed:.2f} s, {error!r}"
            outcomes += batch

    for name, _, error in outcomes:
        if name == "job.result(timeout)":
            assert isinstance(error, TimeoutError), f"{name}: {error!r}"
        elif kind in SILENT:
            assert isinstance(error, BrokerUnavailable), f"{name}: {error!r}"
            assert "the argument `url`" in str(error)
        elif not isinstance(error, BrokerUnavailable):
            assert error is None or isinstance(error, LlamaqError), f"{name}: {error!r}"
    if kind in WRITES_REFUSED:
        said = "is a replica" if kind == "a replica" else "out of memory"
        refused = {name for name, _, error in outcomes if isinstance(error, BrokerUnavailable) and said in str(error)}
        assert {"submit", "generate", "chat", "submit_many", "put_back"} <= refused
    with JobQueue(server.url, settings=_make_settings(ANSWERED_SECONDS)) as queue, ExitStack() as stack:
        stack.callback(queue.job(job_id).cancel)
        assert queue.job(job_id).status().state == "queued" or kind in WRITES_REFUSED
