"""A proxy before Redis whose connections can go silent, and which can lead elsewhere."""

import asyncio
import threading
from typing import Literal, Self

_CHUNK = 65_536
Mode = Literal["pass", "silent", "drop", "dribble"]


class OutageProxy:
    """Forwards everything, until `set` says otherwise.

    Modes, for the connections that are open and for new ones:

    * `pass`: forward.
    * `silent`: accept, and forward nothing; nothing is closed either.
    * `drop`: as `silent` for those that were open when it was set, as a firewall does that has lost its state; new ones
      pass.
    * `dribble`: give answers one byte at a time.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._mode: Mode = "pass"
        self._generation = 0
        self._over = asyncio.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outage-proxy", daemon=True)
        self.port = 0

    @property
    def url(self) -> str:
        """As redis-py and Celery take it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def set(self, mode: Mode) -> None:
        """Change the mode."""
        self._generation += 1
        self._mode = mode

    def lead_to(self, port: int) -> None:
        """Connect new connections to another server, as a virtual address does after a failover; old ones stay."""
        self._target = port

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
        generation = self._generation
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            await asyncio.wait(
                [
                    asyncio.ensure_future(self._forward(reader, back, generation)),
                    asyncio.ensure_future(self._forward(there, writer, generation, answers=True)),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            writer.close()
            back.close()

    async def _forward(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, generation: int, *, answers: bool = False
    ) -> None:
        while data := await source.read(_CHUNK):
            if self._mode == "silent" or (self._mode == "drop" and generation != self._generation):
                continue
            pieces = [data[i : i + 1] for i in range(len(data))] if self._mode == "dribble" and answers else [data]
            for piece in pieces:
                sink.write(piece)
                await sink.drain()
                await asyncio.sleep(0.2 if len(pieces) > 1 else 0)
