"""A master, a replica, a Sentinel that fails over, and a proxy to the current master."""

import asyncio
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from bench.environment.polling import wait_until
from embedded.child import spawn
from embedded.redis import EmbeddedRedis, find_free_port
from llamaq.store.connections.clients import connect

DOWN_MILLISECONDS = 1_000
LOOK_SECONDS = 0.1
STOP_SECONDS = 10.0
_CHUNK = 65_536
_NAME = "llamaq"


class MasterProxy:
    """A TCP proxy to the port that Sentinel gives for the master."""

    def __init__(self, master: int, sentinel: int) -> None:
        self._master = master
        self._sentinel: Any = connect(f"redis://127.0.0.1:{sentinel}/0")
        self._passing: set[asyncio.Task[None] | None] = set()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="master-proxy", daemon=True)
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
        except OSError:  # during the failover; the client tries again
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
class ReplicatedRedis:
    """The master, and the URL that always leads to the current master."""

    master: EmbeddedRedis
    url: str


@contextmanager
def start_replicated_redis() -> Iterator[ReplicatedRedis]:
    """Start a master, a replica and a Sentinel, and wait until Sentinel can fail over."""
    with ExitStack() as stack:
        master, replica = (stack.enter_context(EmbeddedRedis.start()) for _ in range(2))
        with connect(replica.url) as client:
            client.execute_command("REPLICAOF", "127.0.0.1", master.port)
            wait_until(lambda: client.info("replication").get("master_link_status") == "up", "the replica in sync")
            program = client.info("server")["executable"]
        port = stack.enter_context(_sentinel(program, master.port))
        proxy = MasterProxy(master.port, port)
        stack.callback(proxy.close)
        yield ReplicatedRedis(master, f"redis://127.0.0.1:{proxy.port}/0")


@contextmanager
def _sentinel(program: str, master: int) -> Iterator[int]:
    port = find_free_port()
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
                wait_until(lambda: _replica_is_up(client), "Sentinel knows the replica")
            yield port
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _replica_is_up(sentinel: Any) -> bool:
    """Whether Sentinel knows the replica and calls it healthy."""
    try:
        told = sentinel.execute_command("SENTINEL REPLICAS", _NAME)
    except RedisError:  # it does not listen yet
        return False
    return "slave" in str(told) and "down" not in str(told).replace("down-after", "").replace("down-time", "")
