"""A master, a replica, a Sentinel that lets the replica take over, and one address that follows the master."""

import asyncio
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from bench.environment.services import READY_SECONDS
from embedded.child import spawn
from embedded.redis import EmbeddedRedis
from llamaq.store.connection import connect

DOWN_MILLISECONDS = 1_000
LOOK_SECONDS = 0.1
STOP_SECONDS = 10.0
_CHUNK = 65_536
_NAME = "llamaq"


class Follower:
    """Passes connections on to whichever port Sentinel calls the master's."""

    def __init__(self, master: int, sentinel: int) -> None:
        self._master = master
        self._sentinel: Any = connect(f"redis://127.0.0.1:{sentinel}/0")
        self._passing: set[asyncio.Task[None] | None] = set()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="follower", daemon=True)
        self._thread.start()
        self._listening.wait()

    def close(self) -> None:
        """End it, and the connections that are still open."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._sentinel.close()

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port: int = server.sockets[0].getsockname()[1]
        self._listening.set()
        while not self._over.is_set():
            address = await asyncio.to_thread(self._sentinel.execute_command, "SENTINEL GET-MASTER-ADDR-BY-NAME", _NAME)
            self._master = int(address[1])
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), LOOK_SECONDS)
        server.close()
        await asyncio.gather(*[task for task in self._passing if task is not None])

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._master)
        except OSError:  # between two masters: the client tries again
            writer.close()
            return
        self._passing.add(asyncio.current_task())
        ends = [_copy(reader, back), _copy(there, writer), self._over.wait()]
        ways = [asyncio.ensure_future(end) for end in ends]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        writer.close()
        back.close()
        self._passing.discard(asyncio.current_task())


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> bool:
    with suppress(OSError):
        while data := await source.read(_CHUNK):
            target.write(data)
            await target.drain()
    return True


@dataclass(frozen=True, slots=True)
class Pair:
    """Two Redis, and where clients go."""

    master: EmbeddedRedis
    url: str


@contextmanager
def watched_pair() -> Iterator[Pair]:
    """Start all of it, with the replica in step and known to the Sentinel."""
    with ExitStack() as stack:
        master, replica = (stack.enter_context(EmbeddedRedis.start()) for _ in range(2))
        with connect(replica.url) as client:
            client.execute_command("REPLICAOF", "127.0.0.1", master.port)
            _until(lambda: client.info("replication").get("master_link_status") == "up")
            program = client.info("server")["executable"]
        port = stack.enter_context(_sentinel(program, master.port))
        follower = Follower(master.port, port)
        stack.callback(follower.close)
        yield Pair(master, f"redis://127.0.0.1:{follower.port}/0")


@contextmanager
def _sentinel(program: str, master: int) -> Iterator[int]:
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "sentinel.conf"
        config.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\nlogfile {folder}/log\n"
            f"sentinel monitor {_NAME} 127.0.0.1 {master} 1\n"
            f"sentinel down-after-milliseconds {_NAME} {DOWN_MILLISECONDS}\n"
            f"sentinel failover-timeout {_NAME} 5000\n"
        )
        process = spawn([program, str(config), "--sentinel"], output=None, errors=None)
        try:
            with connect(f"redis://127.0.0.1:{port}/0") as client:
                _until(lambda: _well(client))
            yield port
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _well(sentinel: Any) -> bool:
    """Whether it knows the replica, and finds it fit to take over."""
    try:
        told = sentinel.execute_command("SENTINEL REPLICAS", _NAME)
    except RedisError:  # it has not begun to listen
        return False
    return "slave" in str(told) and "down" not in str(told).replace("down-after", "").replace("down-time", "")


def _until(reached: Callable[[], bool]) -> None:
    limit = time.monotonic() + READY_SECONDS
    while not reached():
        if time.monotonic() > limit:
            raise TimeoutError(f"replica and Sentinel were not ready after {READY_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
