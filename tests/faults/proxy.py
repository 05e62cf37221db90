"""A proxy before Redis that can withhold the messages of the broker."""

import asyncio
import threading
from typing import Self

_CHUNK = 65_536


class WithholdingProxy:
    """Forwards everything between a worker and Redis, until `withhold` is called.

    After that it drops the answers to BRPOP, on old connections and on new ones, as a firewall does that has lost its
    state, or as if the consumer hung. Everything else works.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._withholding = False
        self._over = asyncio.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self.port = 0

    @property
    def url(self) -> str:
        """As redis-py and Celery take it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def withhold(self) -> None:
        """Drop the broker's messages from now on."""
        self._withholding = True

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _run(self) -> None:
        # Ends the connections that are still open too, as `run` cancels what is left.
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._over.wait()
        server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        waits_for_messages = asyncio.Event()
        try:
            await asyncio.wait(
                [
                    asyncio.ensure_future(self._ask(reader, back, waits_for_messages)),
                    asyncio.ensure_future(self._answer(there, writer, waits_for_messages)),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            writer.close()
            back.close()

    async def _ask(self, reader: asyncio.StreamReader, back: asyncio.StreamWriter, messages: asyncio.Event) -> None:
        while data := await reader.read(_CHUNK):
            if b"BRPOP" in data:
                messages.set()
            back.write(data)
            await back.drain()

    async def _answer(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, messages: asyncio.Event) -> None:
        while data := await there.read(_CHUNK):
            if not (self._withholding and messages.is_set()):
                writer.write(data)
                await writer.drain()
