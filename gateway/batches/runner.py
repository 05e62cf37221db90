"""Takes up the batches that nobody holds: one runner in each process of the gateway."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from gateway.batches.batch import Batch
from gateway.batches.run import LEASE_SECONDS, Lost, Run
from gateway.batches.store import BatchStore
from llamaq import AsyncJobQueue
from llamaq.store.batches.batch_scripts import BatchSet, BatchTake
from llamaq.store.clock import SYSTEM
from llamaq.vocabulary.errors import BrokerUnavailable, LlamaqError
from llamaq.vocabulary.wire import dumps

LOG = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
WARN_AGAIN_SECONDS = 30.0
MOST_BATCHES = 8
"""Batches that a process holds at a time. `LLAMAQ_GATEWAY_BATCH_IN_FLIGHT` bounds the lines of all of them together."""
GIVE_BACK_SECONDS = 3.0


class Runner:
    """The batches of this process."""

    def __init__(self, queue: AsyncJobQueue, store: BatchStore, in_flight: int) -> None:
        self._queue = queue
        self._store = store
        self._slots = asyncio.Semaphore(in_flight)
        self._running: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look for a batch now: one was created here."""
        self._wake.set()

    async def run(self) -> None:
        """Take up batches until this is cancelled; then give them back."""
        warn_at = 0.0  # a failure is logged at the start of an outage, then at intervals
        try:
            while True:
                self._wake.clear()
                try:
                    await self._take_batches()
                    warn_at = 0.0
                except LlamaqError as error:
                    if SYSTEM.monotonic() >= warn_at:
                        LOG.warning("batches cannot be taken up: %s", error)
                        warn_at = SYSTEM.monotonic() + WARN_AGAIN_SECONDS
                await self._wait_for_wake()
        finally:
            for task in self._running:
                task.cancel()
            if self._running:
                await asyncio.wait(self._running, timeout=2 * GIVE_BACK_SECONDS)

    async def _wait_for_wake(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _take_batches(self) -> None:
        while len(self._running) < MOST_BATCHES:
            owner = SYSTEM.uuid()
            answer = await self._store.run(BatchTake(owner=owner, lease_seconds=LEASE_SECONDS))
            if answer.word != "OK":
                return
            task = asyncio.get_running_loop().create_task(self._run(answer.text("id"), owner))
            self._running.add(task)
            task.add_done_callback(self._forget)

    def _forget(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        self._wake.set()

    async def _run(self, batch_id: str, owner: str) -> None:
        while True:
            if await self._try_run(batch_id, owner):
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _try_run(self, batch_id: str, owner: str) -> bool:
        """Run a batch as far as possible. False where Redis was away, so that this process has to try again."""
        done, run = True, None
        try:
            batch = await self._load_batch(batch_id, owner)
            if batch is not None:
                run = Run(batch, owner, self._queue, self._store, self._slots)
                await run.run_to_end()
        except* Lost:
            LOG.info("the batch %s is held by another process now, or Redis has lost a part of it", batch_id)
        except* BrokerUnavailable as errors:
            LOG.warning("the batch %s waits for Redis: %s", batch_id, errors.exceptions[0])
            done = False
        except* asyncio.CancelledError:
            # This process stops. Raised again it would be a group of exceptions, which asyncio logs as a fault.
            if run is not None:
                await self._give_back(run, batch_id)
        except* Exception:  # a fault of the gateway: the batch is taken up again when its lease is over
            LOG.exception("the batch %s goes on later", batch_id)
        return done

    async def _load_batch(self, batch_id: str, owner: str) -> Batch | None:
        """Load the batch. One whose record something else has written over fails: it could never come to its end."""
        try:
            return await self._store.find_batch(batch_id)
        except (ValueError, LookupError) as error:
            LOG.warning("the batch %s fails, as something else has written over its record: %s", batch_id, error)
            problem = {"code": "record_damaged", "line": None, "message": "its record was damaged", "param": None}
            changes, ttl = dumps({"problems": dumps([problem])}), self._store.ttl
            ended = BatchSet(
                id=batch_id, owner=owner, status="failed", stamp="failed_at", changes=changes, ended=1, ttl=ttl
            )
            await self._store.run(ended)
            return None

    async def _give_back(self, run: Run, batch_id: str) -> None:
        try:
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await run.give_back()
        except (LlamaqError, TimeoutError) as error:
            LOG.warning("the batch %s goes on when its lease is over: %s", batch_id, error)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The runner of a process, and the store that the routes use, while the application runs."""
    settings = app.state.settings
    app.state.batch_store = BatchStore(app.state.redis, settings.gateway_max_file_bytes)
    app.state.runner = Runner(app.state.queue, app.state.batch_store, settings.gateway_batch_in_flight)
    task = asyncio.get_running_loop().create_task(app.state.runner.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))
