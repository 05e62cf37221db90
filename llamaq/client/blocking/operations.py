# Generated from ../aio/operations.py by `python3 run.py generate`: change that file instead.
"""What operators do with a queue: its jobs, the models of its hosts, and dead letters."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Unpack

from llamaq.client import fleet_history, queue_status
from llamaq.client.blocking.job import Job
from llamaq.client.blocking.producer import Producer
from llamaq.client.dead_letters import DeadLetter, change_request, check_letter, derive_job_id, read_letters
from llamaq.client.fleet_history import Minute
from llamaq.client.job_lists import JobPage, jobs_call, parse_filter, read_job_ids, read_jobs, read_running
from llamaq.client.job_status import status_call
from llamaq.client.list_pages import MOST_LISTED, PAGE, check_limit, split_pages
from llamaq.client.offered_models import find_hosts
from llamaq.store import cancel, pauses
from llamaq.store.keys import check_text_id, is_cursor
from llamaq.store.producer_scripts import Waiting
from llamaq.store.redis_errors import translate_parse_errors
from llamaq.store.script_drivers import run, run_many, unwrap
from llamaq.store.script_runs import Call
from llamaq.vocabulary.errors import JobNotFound
from llamaq.vocabulary.fields import HostJobFields, LoadFields
from llamaq.vocabulary.kinds.load import LoadResult
from llamaq.vocabulary.kinds.pull import PullResult
from llamaq.vocabulary.kinds.request import Lane
from llamaq.vocabulary.kinds.unload import UnloadResult
from llamaq.vocabulary.requests import Kind
from llamaq.vocabulary.status import JobStatus, QueueStatus, State


class Operations(Producer):
    """Lists, repeats and deletes jobs, moves models, and handles dead letters."""

    def delete(self, job_id: str, reason: str = "deleted") -> bool:
        """Delete a job: its record, its log, and the images that no other kept job or conversation shows.

        A job that has not ended is cancelled first, with the `reason`. What a conversation got of it stays there, and a
        webhook that is under way is sent.

        Returns:
            False where there is no such job.
        """
        call = cancel.delete_call(self._keys, job_id, reason)
        with self._connection.verb() as redis:
            return (run(redis, call)).word == "OK"

    def pull(self, model: str, *, host: str | None = None, **fields: Unpack[HostJobFields]) -> Job[PullResult]:
        """Pull a model onto the disk of `host`, or of any host. The workers must list it in `LLAMAQ_PULL_ALLOWED`.

        The `progress` events have the stage `pulling`, and `completed` and `total` in bytes. The next pull after a
        cancelled one goes on where that stopped.
        """
        return self.submit({"kind": "pull", "model": model, "host": host, **fields})

    def unload(
        self, model: str, *, host: str | None = None, **fields: Unpack[HostJobFields]
    ) -> list[Job[UnloadResult]]:
        """Take a model out of the memory of `host`, or of each host that has it: a job each. Running jobs end first."""
        return self._submit_for_hosts("unload", model, host, fields)

    def load(self, model: str, *, host: str | None = None, **fields: Unpack[LoadFields]) -> list[Job[LoadResult]]:
        """Load a model into the memory of `host`, or of each host that has it, ahead of its first job: a job each.

        Ollama makes room as for any request: it unloads an idle model, and waits while none is idle. `keep_alive` says
        how long the model stays without a job.
        """
        return self._submit_for_hosts("load", model, host, fields)

    def _submit_for_hosts(self, kind: str, model: str, host: str | None, fields: Mapping[str, Any]) -> list[Job[Any]]:
        with self._connection.verb():
            hosts = [host] if host is not None else find_hosts(model, self.models())
            return self.submit_many([{"kind": kind, "model": model, "host": name, **fields} for name in hosts])

    def running(self) -> list[JobStatus]:
        """The running jobs, in the order in which they began. `tokens` and `last_token_at` say how far each is."""
        with self._connection.query() as redis:
            seen = redis.zrange(self._keys.hosts(), 0, -1, withscores=True)
            held = [["HKEYS", key] for host, _ in seen for key in self._keys.held(host)]
            answers = [unwrap(reply) for reply in redis.execute_all(held)]
            ids = read_job_ids(answers)
            found = run_many(redis, [status_call(self._keys, job_id) for job_id in ids])
            return read_running(ids, found)

    def waiting(self) -> list[QueueStatus]:
        """What waits, by model and lane: how many jobs, the age of the oldest, and why. See `llamaq.QueueStatus`."""
        answer = self._connection.run(Call(self._keys.prefix, Waiting()))
        with translate_parse_errors(self.url):
            return queue_status.read(answer)

    def waiting_by_tenant(self) -> dict[str, int]:
        """How many jobs of each tenant wait in queues or for their time."""
        with self._connection.query() as redis:
            return queue_status.count_by_tenant(redis.hgetall(self._keys.queued()))

    def history(self, number: int = 60) -> list[Minute]:
        """The last whole minutes of the fleet, oldest first: see `llamaq.Minute`. Workers keep a day.

        Raises:
            InvalidRequest: `number` is not from 1 to 1440.
        """
        minutes = fleet_history.check_minutes(number)
        with self._connection.query() as redis:
            now, _ = redis.time()
            answers = redis.execute_all(fleet_history.build_commands(self._keys, now, minutes))
            return fleet_history.read(now, answers)

    def pause(self, *, host: str | None = None, model: str | None = None) -> None:
        """Give a host, or a model on all hosts, no new jobs. They wait; what runs ends, and host jobs still run.

        It holds until `resume`, also over restarts of workers and Redis. Once this returns, no job begins there.

        Raises:
            InvalidRequest: neither or both are given, or no worker reports the host.
            UnknownModel: no host has the model, and no job waits for it.
        """
        self._set_pause("paused", host, model)

    def drain(self, *, host: str | None = None, model: str | None = None) -> None:
        """As `pause`, and host jobs wait too: for a host that is to be shut down. `workers()` says what still runs."""
        self._set_pause("draining", host, model)

    def resume(self, *, host: str | None = None, model: str | None = None) -> None:
        """End a pause or a drain; jobs that wait are assigned at once. Raises as `pause`."""
        self._set_pause("", host, model)

    def _set_pause(self, word: str, host: str | None, model: str | None) -> None:
        call = pauses.call(self._keys, word, host, model)
        pauses.raise_for_answer(self._connection.run(call), host, model)

    def jobs(  # noqa: PLR0913 - what a list can be narrowed by
        self,
        limit: int = 50,
        *,
        after: str | None = None,
        look_at: int | None = None,
        state: State | Sequence[State] = (),
        kind: Kind | None = None,
        model: str | None = None,
        tenant: str | None = None,
        lane: Lane | None = None,
        code: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> JobPage:
        """The jobs that are kept, the newest first, without those whose record is damaged, and without results.

        Args:
            limit: the most jobs of the list.
            after: the `cursor` of a list, behind which this one goes on.
            look_at: the most kept jobs to look at; by default as many as find `limit` jobs. With it a list may be
                shorter, and still have a `cursor`.
            state: one state, or several: then any of them.
            kind: the kind of the jobs.
            model: their model.
            tenant: their tenant.
            lane: their `priority`.
            code: the code of their error.
            since: submitted at that time or later.
            until: submitted before that time.

        Raises:
            InvalidRequest: names the argument that is wrong.
        """
        given = {"kind": kind, "model": model, "tenant": tenant, "lane": lane, "code": code}
        which = parse_filter(state=state, since=since, until=until, **given)
        most, left = check_limit(limit), MOST_LISTED if look_at is None else check_limit(look_at, "look_at")
        found = JobPage(cursor=after)
        while len(found) < most and left > 0:
            number = min(PAGE, left)
            call = jobs_call(self._keys, which, found.cursor, number, min(PAGE, most - len(found)))
            page = read_jobs(self._connection.run(call))
            found = JobPage([*found, *page], page.cursor)
            left -= number
            if page.cursor is None:
                break
        return found

    def replay(self, job_id: str, **changes: Any) -> Job[Any]:
        """Enqueue a kept job's request again, as a new job; `changes` replace fields of the request.

        None removes a field. A dotted name is one inside a field: `replay(job_id, **{"options.num_ctx": 8192})`.

        Raises:
            JobNotFound: it is no longer kept.
            InvalidRequest: the id is no text, or a change does not fit.
        """
        record = self._keys.record(check_text_id(job_id))
        with self._connection.query() as redis:
            kind, request = redis.hmget(record, "kind", "request")
            if kind is None or request is None:
                raise JobNotFound(job_id)
            return self.submit(change_request(kind, request, changes))

    def dead(self, limit: int = 50) -> list[DeadLetter]:
        """What was set aside, the newest first: messages that could not become jobs, and undelivered webhooks."""
        found: list[DeadLetter] = []
        for _, number in split_pages(limit):
            before = f"({found[-1].id}" if found else "+"
            with self._connection.query() as redis:
                page = read_letters(redis.xrevrange(self._keys.dead(), before, count=number))
            found += page
            if len(page) < number:
                break
        return found

    def dead_letter(self, letter_id: str) -> DeadLetter | None:
        """The dead letter with this id, or None."""
        if not is_cursor(check_text_id(letter_id)):
            return None
        with self._connection.query() as redis:
            found = read_letters(redis.xrange(self._keys.dead(), letter_id, letter_id))
        return found[0] if found else None

    def put_back(self, letter: DeadLetter, **changes: Any) -> Job[Any]:
        """Enqueue a dead letter, with `changes`, as a new job, and delete it. Two calls for a letter make one job."""
        with self._connection.verb():
            job = self.submit(
                change_request(check_letter(letter).kind, letter.message, changes),
                job_id=derive_job_id(self._keys, letter),
            )
            self.discard(letter)
            return job

    def discard(self, letter: DeadLetter) -> bool:
        """Delete a dead letter; False when it did not exist."""
        with self._connection.verb() as redis:
            return bool(redis.xdel(self._keys.dead(), check_letter(letter).id))
