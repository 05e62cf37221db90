"""Who shares an answer of Sentinels: nobody gets one to a question that began before theirs."""

import asyncio
import threading
from typing import Any

from llamaq.store.connections.address import parse_url
from llamaq.store.connections.clients import connect
from llamaq.store.connections.sentinel import AsyncSentinels, Sentinels
from llamaq.store.connections.sentinel_answers import Sentinel

TARGET = parse_url("redis+sentinel://a:26379/m/0")
MOST_SECONDS = 10.0


def _state(place: tuple[str, int]) -> dict[str, Any]:
    flags = {"is_master": True, "is_sdown": False, "is_odown": False, "flags": "master"}
    return {"m": {"ip": place[0], "port": place[1], "config-epoch": 1, **flags}}


class Slow:
    """A Sentinel that notes what it will say, and says it when it is let."""

    def __init__(self) -> None:
        self.master = ("old", 1)
        self.asked, self.may_answer = threading.Semaphore(0), threading.Semaphore(0)
        self.questions = 0

    def sentinel_masters(self) -> dict[str, Any]:
        said = _state(self.master)
        self.questions += 1
        self.asked.release()
        assert self.may_answer.acquire(timeout=MOST_SECONDS)
        return said


def test_a_thread_that_comes_while_others_ask_gets_the_next_answer() -> None:
    """Three that wait share one, because a failover may lie between the question and their coming."""
    slow, sentinels = Slow(), Sentinels(TARGET, MOST_SECONDS)
    sentinels._sentinels = [Sentinel(("a", 26379), TARGET, lambda *_: slow)]
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(sentinels.discover_master("m"))) for _ in range(4)]

    threads[0].start()
    assert slow.asked.acquire(timeout=MOST_SECONDS)
    slow.master = ("new", 2)
    waiting = threading.Semaphore(0)
    sentinels._asking = _Noted(sentinels._asking, waiting)  # type: ignore[assignment]
    for thread in threads[1:]:
        thread.start()
        assert waiting.acquire(timeout=MOST_SECONDS)
    slow.may_answer.release(2)
    for thread in threads:
        thread.join(MOST_SECONDS)

    assert sorted(found) == [("new", 2)] * 3 + [("old", 1)]
    assert slow.questions == 2


class _Noted:
    """A lock that tells when a thread begins to wait for it."""

    def __init__(self, lock: Any, waiting: threading.Semaphore) -> None:
        self._lock, self._waiting = lock, waiting

    def acquire(self, **given: Any) -> bool:
        self._waiting.release()
        return bool(self._lock.acquire(**given))

    def release(self) -> None:
        self._lock.release()


def test_so_does_a_task() -> None:
    """As with threads."""
    asyncio.run(_tasks())


async def _tasks() -> None:
    master, may_answer, questions = [("old", 1)], asyncio.Semaphore(0), []

    class SlowAsync:
        async def sentinel_masters(self) -> dict[str, Any]:
            said = _state(master[0])
            questions.append(said)
            await may_answer.acquire()
            return said

    sentinels = AsyncSentinels(TARGET, MOST_SECONDS)
    sentinels._sentinels = [Sentinel(("a", 26379), TARGET, lambda *_: SlowAsync())]
    tasks = [asyncio.create_task(sentinels.discover_master("m"))]
    await asyncio.sleep(0)
    master[0] = ("new", 2)
    tasks += [asyncio.create_task(sentinels.discover_master("m")) for _ in range(3)]
    await asyncio.sleep(0)
    may_answer.release()
    may_answer.release()

    assert await asyncio.gather(*tasks) == [("old", 1)] + [("new", 2)] * 3
    assert len(questions) == 2


def test_a_forked_process_waits_for_no_thread_that_asked() -> None:
    """The thread is not there, so its lock would be held for ever."""
    client: Any = connect("redis+sentinel://127.0.0.1:1/mymaster/0")
    pool = client.connection_pool
    held = pool.sentinel_manager._asking
    held.acquire()
    pool.reset()  # as redis-py does there

    assert pool.sentinel_manager._asking.acquire(timeout=0)
    held.release()
    client.close()
