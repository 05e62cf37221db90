"""Two hundred readers of one job, attached at random moments, some of them cut off: all get the same transcript."""

import asyncio
import random
import threading
import time
from contextlib import aclosing
from typing import Any

from llamaq import AsyncJobQueue
from tests.conftest import MODEL
from tests.faults.assertions import assert_completed
from tests.faults.site import Site

READERS = 200
CLIENTS = 8
SPREAD_SECONDS = 4.0
CUTS = 10
Transcript = list[tuple[str, str]]


async def read(queue: AsyncJobQueue, job_id: str, chance: random.Random) -> Transcript:
    """Attach some time, leave after some events, resume from the last cursor; again and again."""
    await asyncio.sleep(chance.uniform(0, SPREAD_SECONDS))
    got: Transcript = []
    ended = False
    while not ended:
        patience = chance.choice([1, 3, 10, 1_000])
        stream: Any = queue.job(job_id).events(after=got[-1][0] if got else None, fresh=False)
        async with aclosing(stream):
            async for event in stream:
                got.append((event.cursor, event.payload))
                ended = event.terminal
                patience -= 1
                if patience == 0:
                    break
    return got


async def read_all(site: Site, job_id: str) -> list[Transcript]:
    """All of them at once, over a few clients."""
    chance = random.Random(17)
    queues = [AsyncJobQueue(site.url, prefix=site.prefix) for _ in range(CLIENTS)]
    async with asyncio.TaskGroup() as group:
        readers = [
            group.create_task(read(queues[number % CLIENTS], job_id, random.Random(chance.random())))
            for number in range(READERS)
        ]
    for queue in queues:
        await queue.aclose()
    return [reader.result() for reader in readers]


def test_two_hundred_readers(calm: Site) -> None:
    """One attempt breaks off, all listeners are cut off again and again: byte for byte the log, for each reader."""
    calm.ollama.script(count=160, rate=100, fault="end")
    calm.ollama.script(count=240, rate=100)
    job = calm.queue.generate(MODEL, "Why?")

    def cut() -> None:
        for _ in range(CUTS):
            time.sleep(SPREAD_SECONDS / CUTS)
            calm.redis.client_kill_filter(_type="pubsub")

    cutter = threading.Thread(target=cut)
    cutter.start()
    transcripts = asyncio.run(read_all(calm, job.id))
    cutter.join()

    assert_completed(job, attempt=2, text=" token" * 240)
    log = calm.log(job.id)
    assert [transcript == log for transcript in transcripts] == [True] * READERS
