"""Times one call of another queue: `python enqueue.py <queue> <redis url> <calls>` prints milliseconds, one a line."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from typing import Any

PROMPT = "Explain entanglement to a child of ten, in three sentences."


def rq(url: str) -> Callable[[], object]:
    """Make the call of RQ: `enqueue` of a function by its name."""
    connection = _module("redis").Redis.from_url(url)
    queue = _module("rq").Queue("bench", connection=connection)
    return lambda: queue.enqueue("worker.generate", "m", PROMPT)


def dramatiq(url: str) -> Callable[[], object]:
    """Make the call of dramatiq: `send` of an actor."""
    broker = _module("dramatiq.brokers.redis").RedisBroker(url=url)
    actor = _module("dramatiq").actor(lambda *_: None, actor_name="generate", broker=broker)
    return lambda: actor.send("m", PROMPT)


async def arq(url: str) -> Callable[[], Awaitable[object]]:
    """Make the call of arq: `enqueue_job`."""
    pool = await _module("arq").create_pool(_module("arq.connections").RedisSettings.from_dsn(url))
    return lambda: pool.enqueue_job("generate", "m", PROMPT)


async def taskiq(url: str) -> Callable[[], Awaitable[object]]:
    """Make the call of taskiq: `kiq` of a task."""
    broker = _module("taskiq_redis").ListQueueBroker(url)
    task = broker.register_task(lambda *_: None, task_name="generate")
    await broker.startup()
    return lambda: task.kiq("m", PROMPT)


def _module(name: str) -> Any:
    """Import a module of this venv, which type checkers do not see."""
    return import_module(name)


def time_calls(call: Callable[[], object], times: int) -> Iterator[float]:
    """Measure the milliseconds of each call."""
    for _ in range(times):
        began = time.perf_counter()
        call()
        yield (time.perf_counter() - began) * 1000


async def time_awaited_calls(
    make: Callable[[str], Awaitable[Callable[[], Awaitable[object]]]], url: str, times: int
) -> list[float]:
    """Measure as `time_calls`."""
    call, taken = await make(url), []
    for _ in range(times):
        began = time.perf_counter()
        await call()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def main(name: str, url: str, times: int) -> None:
    """Run one; the first call connects, and is left out."""
    if name in {"arq", "taskiq"}:
        taken = asyncio.run(time_awaited_calls({"arq": arq, "taskiq": taskiq}[name], url, times + 1))
    else:
        taken = list(time_calls({"rq": rq, "dramatiq": dramatiq}[name](url), times + 1))
    print(*taken[1:], sep="\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
