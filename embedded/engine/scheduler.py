"""A small version of Ollama's scheduler: loads models, gives requests slots, and unloads idle models.

1. A request for a model in memory waits for one of its slots, however many wait: Ollama sets no limit there.
2. A request for any other model joins the queue for loading, or is refused when that is full.
3. Where a model has to leave first, the queue waits until one is idle. Requests for models in memory overtake it.
4. A model that nobody has used for its keep-alive leaves.
5. Models of the same weights share one runner, under the name that loaded it.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from embedded.engine.interface import Engine, EngineError, Model, Runner

DEFAULT_KEEP_ALIVE_SECONDS = 300.0
_BUSY = "server busy, please try again.  maximum pending requests exceeded"


@dataclass
class Loaded:
    """A model in memory.

    Attributes:
        model: The catalogue's entry.
        runner: Its engine.
        slots: The free slots.
        users: Requests that use it, with a slot or waiting for one.
        keep_alive: Seconds that it stays after its last request.
        leaves_at: The loop's time at which it is unloaded; infinity for never.
    """

    model: Model
    runner: Runner
    slots: asyncio.Semaphore
    users: int = 0
    keep_alive: float = DEFAULT_KEEP_ALIVE_SECONDS
    leaves_at: float = math.inf
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)


class Scheduler:
    """Loads models, gives their slots to requests, and unloads them.

    Args:
        engine: Loads the models.
        slots: Requests that run at a time per model.
        max_queue: Requests that may wait for a load, beside the one whose model is being loaded.
        max_models: Models in memory at a time.
    """

    def __init__(self, engine: Engine, slots: int, max_queue: int, max_models: int) -> None:
        self._engine = engine
        self._slots = slots
        self._max_queue = max_queue
        self._max_models = max_models
        self._loaded: dict[str, Loaded] = {}
        self._waiting = 0
        self._turn = asyncio.Lock()
        self._idle = asyncio.Event()
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def loaded(self) -> list[Loaded]:
        """The models in memory; the one that stays longest comes first."""
        return sorted(self._loaded.values(), key=lambda entry: -entry.leaves_at)

    @asynccontextmanager
    async def hold(self, model: Model, context_length: int, keep_alive: float) -> AsyncIterator[Loaded]:
        """Keep a model in memory for the length of the block, loading it first where necessary.

        Raises:
            EngineError: 503 where too many wait already, or what the engine said when loading.
        """
        entry = self._find_loaded(model, context_length) or await self._queue_load(model, context_length)
        entry.users += 1
        self._stop_timer(entry)
        entry.keep_alive = keep_alive
        # /api/ps shows the time of the unload from the start of a request.
        entry.leaves_at = asyncio.get_running_loop().time() + keep_alive
        try:
            yield entry
        finally:
            entry.users -= 1
            if entry.users == 0:
                self._start_keep_alive(entry)

    async def unload(self, model: Model) -> None:
        """Unload a model at once, or when its last request ends. A model that is not loaded is ignored."""
        entry = self._loaded.get(model.blob)
        if entry is None:
            return
        entry.keep_alive = 0.0
        if entry.users == 0:
            await self._remove(entry)

    async def close(self) -> None:
        """Unload everything."""
        for entry in list(self._loaded.values()):
            await self._remove(entry)

    def _find_loaded(self, model: Model, context_length: int) -> Loaded | None:
        entry = self._loaded.get(model.blob)
        return entry if entry and entry.runner.context_length == context_length else None

    async def _queue_load(self, model: Model, context_length: int) -> Loaded:
        # The request whose model is being loaded does not count as waiting.
        if self._waiting > self._max_queue:
            raise EngineError(503, _BUSY)
        self._waiting += 1
        try:
            async with self._turn:
                return self._find_loaded(model, context_length) or await self._load(model, context_length)
        finally:
            self._waiting -= 1

    async def _load(self, model: Model, context_length: int) -> Loaded:
        await self._make_room(model)
        runner = await self._engine.load(model, context_length)
        entry = Loaded(model, runner, asyncio.Semaphore(self._slots))
        self._loaded[model.blob] = entry
        return entry

    async def _make_room(self, model: Model) -> None:
        """Unload idle models, waiting for busy ones, until one more fits; first the same model with another context."""
        while model.blob in self._loaded or len(self._loaded) >= self._max_models:
            rivals = [self._loaded[model.blob]] if model.blob in self._loaded else list(self._loaded.values())
            idle = [entry for entry in rivals if entry.users == 0]
            if idle:
                await self._remove(min(idle, key=lambda entry: entry.leaves_at))
                continue
            self._idle.clear()
            await self._idle.wait()

    def _start_keep_alive(self, entry: Loaded) -> None:
        """Start the keep-alive. The model is unloaded if it is still idle at its end."""
        self._idle.set()
        loop = asyncio.get_running_loop()
        entry.leaves_at = loop.time() + entry.keep_alive
        if entry.keep_alive == 0:
            self._expire(entry)
        elif math.isfinite(entry.keep_alive):
            entry.timer = loop.call_later(entry.keep_alive, self._expire, entry)

    def _expire(self, entry: Loaded) -> None:
        if entry.users == 0 and self._forget(entry):
            task = asyncio.ensure_future(entry.runner.close())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def _remove(self, entry: Loaded) -> None:
        if self._forget(entry):
            await entry.runner.close()

    def _forget(self, entry: Loaded) -> bool:
        """Take a model from the table before it is closed: no request gets it then. Returns whether it was there."""
        self._stop_timer(entry)
        if self._loaded.get(entry.model.blob) is not entry:
            return False
        del self._loaded[entry.model.blob]
        self._idle.set()
        return True

    @staticmethod
    def _stop_timer(entry: Loaded) -> None:
        if entry.timer is not None:
            entry.timer.cancel()
            entry.timer = None
