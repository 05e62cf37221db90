"""Runs one batch that this process holds: each line becomes a job, and its outcome a line of a file.

The state of a batch is in Redis alone. A line's job has an id that is made of the batch's id and the line's number, and
a line's outcome is written once. So the next process that takes the batch goes on where the last one stopped.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from gateway.batches.batch import Batch
from gateway.batches.line_request import LineRequest, read_line_request
from gateway.batches.lines import Line, LineReader
from gateway.batches.outcome import EXPIRED, TOO_LARGE, Outcome, answered_line, dropped_line, failed_line
from gateway.batches.store import BatchStore
from gateway.http.errors import GatewayError, failure_of
from gateway.queue_access import authorize_job
from llamaq import AsyncJobQueue
from llamaq.client.aio.job import AsyncJob
from llamaq.store.batches.batch_scripts import BatchHold, BatchLine, BatchSet
from llamaq.vocabulary.errors import BrokerUnavailable, InvalidRequest, JobNotFound, LlamaqError
from llamaq.vocabulary.wire import dumps

LOG = logging.getLogger(__name__)
LEASE_SECONDS = 10.0
RENEW_SECONDS = 1.0
"""Between two renewals of a lease. Each renewal also reads whether the batch was cancelled."""
DROPPED_AT_A_TIME = 64
"""Lines of a batch that was stopped."""
LEAST_PAUSE, MOST_PAUSE = 1.0, 30.0
"""Seconds until a line is submitted again, where the queue was full or away."""


class Lost(Exception):
    """Another process holds the batch, or Redis has lost a part of it."""


class Run:
    """One batch, while this process holds it."""

    def __init__(
        self, batch: Batch, owner: str, queue: AsyncJobQueue, store: BatchStore, slots: asyncio.Semaphore
    ) -> None:
        """Make it. `slots` bounds the lines in the queue, of all batches of the process."""
        self._batch = batch
        self._owner = owner
        self._store = store
        self._slots = slots
        self._caller = batch.caller
        most = self._caller.most_waiting
        self._queue = queue if most is None else queue.with_most_waiting(most)
        self._jobs: dict[int, AsyncJob[Any]] = {}
        self._dropping = asyncio.Semaphore(DROPPED_AT_A_TIME)
        self._stop = asyncio.Event()
        self._left_out = 0  # lines for which neither file had room
        self._final_status = "completed"
        if batch.status == "cancelling":
            self._final_status = "cancelled"
            self._stop.set()

    async def run_to_end(self) -> None:
        """Run it to its end.

        Raises:
            ExceptionGroup: with `Lost`: another process holds it; with `BrokerUnavailable`: Redis did not answer.
        """
        async with asyncio.TaskGroup() as group:
            holding = group.create_task(self._renew_lease())
            await self._process()
            holding.cancel()

    async def give_back(self) -> None:
        """Let another process take it at once."""
        await self._store.run(BatchHold(id=self._batch.id, owner=self._owner, lease_seconds=0))

    async def _process(self) -> None:
        try:
            await self._store.load_file(self._caller, self._batch.input)
        except GatewayError as error:  # something else has deleted it
            problem = {"code": "input_file_missing", "line": None, "message": error.message, "param": "input_file_id"}
            await self._set_status("failed", {"problems": dumps([problem])}, ended=True)
            return
        if self._batch.status == "validating":
            reader = LineReader(self._batch.endpoint)
            async for _ in self._read_lines(reader):
                pass
            reader.finish()
            if reader.problems:
                await self._set_status("failed", {"problems": dumps(reader.problems)}, ended=True)
                return
            await self._set_status("in_progress", {"total": str(reader.total), "last_line": str(reader.number)})
        await self._run_lines()
        await self._check_written()
        await self._set_status("finalizing", {})
        await self._finish()

    async def _renew_lease(self) -> None:
        """Renew the lease, and stop the work when the batch is cancelled or its window is over."""
        hold = BatchHold(id=self._batch.id, owner=self._owner, lease_seconds=LEASE_SECONDS)
        while True:
            try:
                answer = await self._store.run(hold)
            except BrokerUnavailable as error:
                LOG.warning("the lease of the batch %s cannot be renewed: %s", self._batch.id, error)
                await asyncio.sleep(RENEW_SECONDS)
                continue
            if answer.word != "OK":
                raise Lost
            if answer.text("status") == "cancelling":
                await self._end_early("cancelled")
            elif answer.number("now") >= self._batch.expires_at:
                await self._end_early("expired")
            await asyncio.sleep(RENEW_SECONDS)

    async def _end_early(self, status: str) -> None:
        if not self._stop.is_set():
            self._final_status = status
            self._stop.set()
        jobs = list(self._jobs.values())
        states = (
            await self._store.ask([["HGET", self._store.keys.record(job.id), "state"] for job in jobs]) if jobs else []
        )
        # Queued jobs first: a running job that is cancelled frees a slot for them.
        for job, _ in sorted(zip(jobs, states, strict=True), key=lambda each: each[1] != "queued"):
            await self._cancel(job)

    async def _run_lines(self) -> None:
        async with asyncio.TaskGroup() as group:
            reader = LineReader(self._batch.endpoint)
            async for lines in self._read_open_lines(reader):
                for line in lines:
                    slots = self._slots if await self._wait_for_slot() else self._dropping
                    # A callback, because a task that is cancelled before its first step runs no `finally`.
                    group.create_task(self._run_line(line)).add_done_callback(partial(_release, slots))

    async def _wait_for_slot(self) -> bool:
        """Wait for a slot. False where the batch is stopped first: the lines that it drops need none."""
        if self._stop.is_set():
            await self._dropping.acquire()
            return False
        if not self._slots.locked():
            return await self._slots.acquire()
        got, stopped = asyncio.ensure_future(self._slots.acquire()), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait((got, stopped), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if got.done():
                self._slots.release()
            raise
        finally:
            got.cancel()
            stopped.cancel()
        return got.done() or await self._wait_for_slot()

    async def _read_open_lines(self, reader: LineReader) -> AsyncIterator[list[Line]]:
        async for lines in self._read_lines(reader):
            known = await self._store.find_known_lines(self._batch, [line.number for line in lines])
            yield [line for line in lines if line.number not in known]

    async def _read_lines(self, reader: LineReader) -> AsyncIterator[list[Line]]:
        file = await self._store.load_file(self._caller, self._batch.input)
        async for piece in self._store.read_pieces(file.id, file.pieces):
            if lines := list(reader.read_piece(piece)):
                yield lines

    async def _run_line(self, line: Line) -> None:
        outcome = await self._await_outcome(line)
        if outcome is not None and await self._write(line, outcome) == "FULL":
            too_large = dropped_line(self._batch.id, line, "output_file_full", TOO_LARGE)
            if await self._write(line, too_large) == "FULL":
                self._left_out += 1

    async def _write(self, line: Line, outcome: Outcome) -> str:
        input_tokens, output_tokens = outcome.usage
        written = BatchLine(
            id=self._batch.id,
            owner=self._owner,
            number=line.number,
            file=outcome.file,
            text=outcome.text,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            most_bytes=self._store.most_bytes,
        )
        answer = await self._store.run(written)
        if answer.word == "LOST":
            raise Lost
        return answer.word

    async def _await_outcome(self, line: Line) -> Outcome | None:
        """Wait for how a line ends; None where the batch was cancelled before it did."""
        job = self._queue.job(f"{self._batch.id}-{line.number}")
        try:
            if self._stop.is_set():
                await self._cancel_if_there(job)
                return self._early_outcome(line)
            parsed = await read_line_request(self._queue, self._caller, self._batch.endpoint, line.body)
            if not await self._start_job(parsed, line.number, job):
                return self._early_outcome(line)
            return answered_line(self._batch.id, line, job.id, await parsed.answer(job))
        except BrokerUnavailable:
            raise
        except Exception as error:
            if self._stop.is_set():
                return self._early_outcome(line)
            if failure_of(error).code == "internal" and not isinstance(error, LlamaqError):
                LOG.exception("line %s of the batch %s", line.number, self._batch.id)
            return failed_line(self._batch.id, line, job.id, error)
        finally:
            self._jobs.pop(line.number, None)

    async def _start_job(self, parsed: LineRequest, number: int, job: AsyncJob[Any]) -> bool:
        """Submit the job of a line; False where the batch has been stopped. A stop meanwhile cancels it."""
        if self._stop.is_set():
            return False
        await self._submit(parsed, job.id)
        self._jobs[number] = job
        if self._stop.is_set():
            await self._cancel(job)
        return True

    async def _submit(self, parsed: LineRequest, job_id: str) -> None:
        """Submit the job of a line, when the queue has room. One that is there already is not submitted again."""
        job = authorize_job(self._caller, {**parsed.job, "priority": "batch"})
        while True:
            try:
                await self._queue.submit(job, job_id=job_id)
            except InvalidRequest as error:
                raise parsed.name_parameters(error) from error
            except LlamaqError as error:
                failure = failure_of(error)
                if failure.status not in {429, 503} or self._stop.is_set():
                    raise
                await self._wait_for_stop(min(max(failure.retry_after or 0, LEAST_PAUSE), MOST_PAUSE))
            else:
                return

    async def _wait_for_stop(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

    def _early_outcome(self, line: Line) -> Outcome | None:
        return dropped_line(self._batch.id, line, "batch_expired", EXPIRED) if self._final_status == "expired" else None

    async def _cancel_if_there(self, job: AsyncJob[Any]) -> None:
        # A cancel of an unknown id waits a while for its job to come.
        (there,) = await self._store.ask([["EXISTS", self._store.keys.record(job.id)]])
        if there:
            await self._cancel(job)

    async def _cancel(self, job: AsyncJob[Any]) -> None:
        try:
            await job.cancel(f"its batch is {self._final_status}")
        except JobNotFound:
            return

    async def _finish(self) -> None:
        """Make the files of what was written, and end the batch."""
        batch = await self._check_written()
        files = {}
        for name, field in (("output", "output_file_id"), ("errors", "error_file_id")):
            if batch.number(f"{name}_bytes"):
                files[field] = batch.record[name]
                await self._store.run(batch.result_file(name, self._store.ttl))
        await self._set_status(self._final_status, files, ended=True)

    async def _check_written(self) -> Batch:
        """Check that the batch has all its lines. A crash of Redis may lose the last ones that it has confirmed."""
        batch = await self._store.find_batch(self._batch.id)
        if batch is None or batch.status == "validating":
            raise Lost
        ended = batch.number("completed") + batch.number("failed") + self._left_out
        if self._final_status != "cancelled" and ended < batch.number("total"):
            raise Lost
        return batch

    async def _set_status(self, status: str, changes: dict[str, str], *, ended: bool = False) -> None:
        change = BatchSet(
            id=self._batch.id,
            owner=self._owner,
            status=status,
            stamp=f"{status}_at",
            changes=dumps(changes),
            ended=int(ended),
            ttl=self._store.ttl,
        )
        if (await self._store.run(change)).word == "LOST":
            raise Lost


def _release(slots: asyncio.Semaphore, _: object) -> None:
    slots.release()
