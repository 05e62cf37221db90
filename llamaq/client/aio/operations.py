"""What operators do with a queue: its jobs, the models of its hosts, and dead letters."""

from typing import Any, Unpack

from llamaq.admission.host_jobs import hosts_with
from llamaq.admission.limits import pages
from llamaq.client.aio.job import AsyncJob
from llamaq.client.aio.producer import AsyncProducer
from llamaq.client.answers import read_kept, status_call
from llamaq.client.dead_letters import DeadLetter, letters, once_more
from llamaq.store import cancel
from llamaq.store.connection import run_async, run_many_async
from llamaq.store.log_follower import is_cursor
from llamaq.vocabulary.errors import JobNotFound
from llamaq.vocabulary.fields import HostJobFields
from llamaq.vocabulary.kinds.pull import PullResult
from llamaq.vocabulary.kinds.unload import UnloadResult
from llamaq.vocabulary.status import JobStatus


class AsyncOperations(AsyncProducer):
    """Lists, repeats and deletes jobs, moves models, and handles dead letters."""

    async def delete(self, job_id: str, reason: str = "deleted") -> bool:
        """Delete a job: its record, its log, and the images that no other kept job or conversation shows.

        One that has not ended is cancelled first, for which its readers are told the `reason`. What a conversation got
        of it stays there, and a webhook that is under way is sent.

        Returns:
            False where there is no such job.
        """
        call = cancel.delete_call(self._keys, job_id, reason)
        async with self._connection.verb() as redis:
            return (await run_async(redis, call)).word == "OK"

    async def pull(
        self, model: str, *, host: str | None = None, **fields: Unpack[HostJobFields]
    ) -> AsyncJob[PullResult]:
        """Pull a model onto the disk of `host`, or of any host. The workers must list it in `LLAMAQ_PULL_ALLOWED`.

        The `progress` events have the stage `pulling`, and `completed` and `total` in bytes. The next pull after a
        cancelled one goes on where that stopped.
        """
        return await self.submit({"kind": "pull", "model": model, "host": host, **fields})

    async def unload(
        self, model: str, *, host: str | None = None, **fields: Unpack[HostJobFields]
    ) -> list[AsyncJob[UnloadResult]]:
        """Take a model out of the memory of `host`, or of each host that has it: a job each. Running jobs end first."""
        async with self._connection.verb():
            hosts = [host] if host is not None else hosts_with(model, await self.models())
            asked = [{"kind": "unload", "model": model, "host": name, **fields} for name in hosts]
            return await self.submit_many(asked)

    async def jobs(self, limit: int = 50) -> list[JobStatus]:
        """The jobs that are kept, the newest first, without those whose record is damaged."""
        found: dict[str, JobStatus] = {}
        for skipped, number in pages(limit):
            async with self._connection.reading() as redis:
                ids = await redis.zrevrange(self._keys.jobs(), skipped, skipped + number - 1)
                answers = await run_many_async(redis, [status_call(self._keys, job_id) for job_id in ids])
                found |= {status.id: status for status in read_kept(ids, answers)}
            if len(ids) < number:
                break
        return list(found.values())

    async def replay(self, job_id: str, **changes: Any) -> AsyncJob[Any]:
        """Enqueue a kept job's request again, as a new job; `changes` replace fields of the request.

        None removes a field. A dotted name is one inside a field: `replay(job_id, **{"options.num_ctx": 8192})`.

        Raises:
            JobNotFound: it is no longer kept.
        """
        async with self._connection.reading() as redis:
            kind, request = await redis.hmget(self._keys.record(job_id), "kind", "request")
            if kind is None or request is None:
                raise JobNotFound(job_id)
            return await self.submit(once_more(kind, request, changes))

    async def dead(self, limit: int = 50) -> list[DeadLetter]:
        """What was set aside, the newest first: messages that could not become jobs, and undelivered webhooks."""
        found: list[DeadLetter] = []
        for _, number in pages(limit):
            before = f"({found[-1].id}" if found else "+"
            async with self._connection.reading() as redis:
                page = letters(await redis.xrevrange(self._keys.dead(), before, count=number))
            found += page
            if len(page) < number:
                break
        return found

    async def dead_letter(self, letter_id: str) -> DeadLetter | None:
        """The dead letter with this id; None when there is none."""
        if not is_cursor(letter_id):
            return None
        async with self._connection.reading() as redis:
            found = letters(await redis.xrange(self._keys.dead(), letter_id, letter_id))
        return found[0] if found else None

    async def put_back(self, letter: DeadLetter, **changes: Any) -> AsyncJob[Any]:
        """Enqueue a dead letter, with `changes`, as a new job, and delete it."""
        async with self._connection.verb():
            job = await self.submit(once_more(letter.kind, letter.message, changes))
            await self.discard(letter)
            return job

    async def discard(self, letter: DeadLetter) -> bool:
        """Delete a dead letter; False when it did not exist."""
        async with self._connection.verb() as redis:
            return bool(await redis.xdel(self._keys.dead(), letter.id))
