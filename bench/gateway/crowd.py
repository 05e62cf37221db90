"""Opens many streams of one gateway in a process of its own, beside readers that read nothing.

`python -m bench.gateway.crowd <port> <model> <pid of the gateway> <streams> <slow> <firsts>` prints JSON.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field

import psutil

from bench.figures.usage import pss_megabytes
from embedded.scripted.pacing import STAMP_DIGITS

OPENING_AT_A_TIME = 50
NANOSECONDS_PER_MILLISECOND = 1e6
_TEXT = b'"response":"'


@dataclass
class Crowd:
    """The streams of one run.

    Attributes:
        latencies: milliseconds of each token, from its sending to now.
        begun: streams that have had their first token.
        whole: streams that came to their last line.
    """

    port: int
    model: str
    latencies: list[float] = field(default_factory=list)
    begun: int = 0
    whole: int = 0

    def __post_init__(self) -> None:
        self._opening = asyncio.Semaphore(OPENING_AT_A_TIME)

    async def follow(self) -> None:
        """Read one stream to its end."""
        async with self._opening:
            reader, writer = await self.open()
            await self._take(reader)
            self.begun += 1
        while line := await reader.readline():
            self._note(line)
        writer.close()

    async def first(self) -> float:
        """Time one request up to its first token, in milliseconds; the rest is not read, so its job is cancelled."""
        began = time.time_ns()
        reader, writer = await self.open()
        await self._take(reader)
        writer.close()
        return (time.time_ns() - began) / NANOSECONDS_PER_MILLISECOND

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send a request."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        body = json.dumps({"model": self.model, "prompt": "go"}).encode()
        head = "POST /api/generate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        return reader, writer

    async def _take(self, reader: asyncio.StreamReader) -> None:
        status = await reader.readline()
        if b" 200 " not in status:
            raise RuntimeError(f"the gateway answered {status!r}")
        while not self._note(await reader.readline()):
            pass

    def _note(self, line: bytes) -> bool:
        at = line.find(_TEXT)
        stamp = line[at + len(_TEXT) : at + len(_TEXT) + STAMP_DIGITS]
        if at >= 0 and stamp.isdigit():
            self.latencies.append((time.time_ns() - int(stamp)) / NANOSECONDS_PER_MILLISECOND)
            return True
        self.whole += b'"done":true' in line
        return False


async def main(port: int, model: str, pid: int, streams: int, slow: int, firsts: int) -> None:
    """Open all, measure while all are open, and read to the end."""
    crowd = Crowd(port, model)
    process = psutil.Process(pid)
    idle = [await crowd.open() for _ in range(slow)]
    tasks = [asyncio.create_task(crowd.follow()) for _ in range(streams)]
    while crowd.begun < streams:
        await asyncio.sleep(0.1)
        for task in tasks:
            if task.done():
                task.result()
    before, seen = process.cpu_times(), len(crowd.latencies)
    await asyncio.sleep(5)
    after, steady = process.cpu_times(), len(crowd.latencies) - seen
    took = [await crowd.first() for _ in range(firsts)]
    memory = pss_megabytes(pid)
    await asyncio.gather(*tasks)
    for _, writer in idle:
        writer.close()
    cpu = after.user + after.system - before.user - before.system
    saw = {"cpu_seconds": cpu, "steady": steady, "pss_mb": memory, "firsts": took}
    print(json.dumps({**saw, "latencies": crowd.latencies, "whole": crowd.whole}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])))
