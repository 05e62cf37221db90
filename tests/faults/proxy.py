"""A proxy before Redis that can withhold the messages of the broker, and connections that go silent."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Literal, Self

_CHUNK = 65_536
DRIBBLE_SECONDS = 0.1
"""Below the time that one try of a call has: so only the limit of the whole call ends it."""
Mode = Literal["pass", "silent", "drop", "dribble"]


class _Connection:
    """One connection that passes through."""

    def __init__(self) -> None:
        self.handler = asyncio.current_task()
        self.waits_for_messages = False
        self.flowing = asyncio.Event()
        self.flowing.set()


class Proxy:
    """Forwards everything between its clients and a port of this machine.

    Attributes:
        target: the port that new connections are led to.
        port: its own.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._connections: set[_Connection] = set()
        self._over = asyncio.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    @property
    def url(self) -> str:
        """As redis-py and Celery take it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def silence(self) -> Callable[[], None]:
        """Pass nothing more over the connections that are open now, not even that one end has closed it.

        New connections work. What is returned lets what was held back flow on.
        """
        silent = list(self._connections)

        def each(change: Callable[[asyncio.Event], None]) -> None:
            for connection in silent:
                self._loop.call_soon_threadsafe(change, connection.flowing)

        each(asyncio.Event.clear)
        return lambda: each(asyncio.Event.set)

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._over.wait()
        server.close()
        if handlers := [connection.handler for connection in self._connections if connection.handler is not None]:
            await asyncio.wait(handlers)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection()
        self._connections.add(connection)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:  # the server is down: the client sees that its connection is closed
            pass
        else:
            await self._wait_for_first(
                self._ask(connection, reader, back), self._answer(connection, there, writer), self._over.wait()
            )
            back.close()
        self._connections.discard(connection)
        writer.close()

    async def _wait_for_first(self, *ends: Coroutine[None, None, object]) -> None:
        tasks = [asyncio.ensure_future(end) for end in ends]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(
            *tasks, return_exceptions=True
        )  # a side that is gone when it is written to has closed, too

    async def _ask(self, connection: _Connection, reader: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        while data := await _read(connection, reader):
            connection.waits_for_messages |= b"BRPOP" in data
            await _write(back, self._cut(connection, data, answer=False))

    async def _answer(self, connection: _Connection, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await _read(connection, there):
            await _write(writer, self._cut(connection, data, answer=True))

    def _cut(self, connection: _Connection, data: bytes, *, answer: bool) -> list[bytes]:
        """Cut what one side has sent into what is passed on: here all of it, in one piece."""
        return [data]


async def _read(connection: _Connection, reader: asyncio.StreamReader) -> bytes:
    """What came, once the connection lets it through; nothing when it has ended."""
    try:
        data = await reader.read(_CHUNK)
    except OSError:
        data = b""
    await connection.flowing.wait()
    return data


async def _write(writer: asyncio.StreamWriter, pieces: list[bytes]) -> None:
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        if len(pieces) > 1:
            await asyncio.sleep(DRIBBLE_SECONDS)


class WithholdingProxy(Proxy):
    """Drops the answers to BRPOP once `withhold` was called, as if the consumer hung; everything else works.

    So does a firewall that has lost its state, on old connections and on new ones.
    """

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self._withholding = False

    def withhold(self) -> None:
        """Drop the broker's messages from now on."""
        self._withholding = True

    def _cut(self, connection: _Connection, data: bytes, *, answer: bool) -> list[bytes]:
        return [] if answer and self._withholding and connection.waits_for_messages else [data]


class OutageProxy(Proxy):
    """Forwards everything, until `set` says otherwise.

    Modes, for the connections that are open and for new ones:

    * `pass`: forward.
    * `silent`: accept, and forward nothing; nothing is closed either.
    * `drop`: as `silent` for those that were open when it was set, as a firewall does that has lost its state; new ones
      pass.
    * `dribble`: give answers one byte at a time.
    """

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self._mode: Mode = "pass"
        self._open_before: set[_Connection] = set()

    def set(self, mode: Mode) -> None:
        """Change the mode."""
        self._open_before = self._connections.copy()
        self._mode = mode

    def _cut(self, connection: _Connection, data: bytes, *, answer: bool) -> list[bytes]:
        match self._mode:
            case "silent":
                return []
            case "drop":
                return [] if connection in self._open_before else [data]
            case "dribble" if answer:
                return [data[index : index + 1] for index in range(len(data))]
            case _:
                return [data]
