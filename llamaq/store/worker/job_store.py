"""The calls of the job store that one worker makes. Each script may be sent twice, so a lost answer does no harm."""

import logging
import threading
from contextlib import suppress
from functools import partial
from typing import Any

from redis.exceptions import RedisError

from llamaq.store.arguments import Arguments
from llamaq.store.clock import SYSTEM, Clock
from llamaq.store.keys import Keys, is_usable_id
from llamaq.store.redis_client import Client
from llamaq.store.redis_errors import is_refusal
from llamaq.store.script_drivers import run_many
from llamaq.store.worker.claimed_job import ClaimedJob, DirectJobs
from llamaq.store.worker.flushes import build_calls, make_renewal
from llamaq.store.worker.host_calls import LEADER_SECONDS, HostCalls
from llamaq.store.worker.host_state import Reaped
from llamaq.store.worker.outcome import MOST_RESULT_BYTES, Blame, Completed, Error, Failed
from llamaq.store.worker.worker_scripts import CallOff, Claim, Finish, Reap, Refuse, Release
from llamaq.vocabulary.errors import VersionMismatch
from llamaq.vocabulary.wire import byte_length, dump_members, dumps, replace_surrogates

REAPED_AT_A_TIME = 100
"""Jobs of each index that one script handles: other calls wait for it."""
MOST_PAGES = 100
MOST_DEAD_CHARS = 100_000
"""The part of a bad message that a dead letter keeps."""
MOST_KIND_CHARS = 100
RETRY_SECONDS = 0.5
_log = logging.getLogger(__name__)


class JobStore(HostCalls):
    """The calls of one worker.

    A method that ends an attempt returns one of:

    * `ok`: it was recorded.
    * `cancelled`: the job had ended meanwhile; only the slot was freed.
    * `fenced`: the attempt no longer has the slot, or the same release was recorded before; nothing was written.
    * `unsent`: the worker was closed before Redis answered.

    Attributes:
        direct: begins the jobs that were claimed with the end of another one; None where each comes by a message.
    """

    def __init__(  # noqa: PLR0913 - the settings of a worker that its scripts need
        self,
        client: Client,
        keys: Keys,
        *,
        host: str,
        worker: str,
        lease_seconds: float,
        conversation_ttl: int,
        result_ttl: int,
        lost: Error,
        exhausted: Error,
        orphaned: Error,
        orphan_seconds: float,
        clock: Clock = SYSTEM,
    ) -> None:
        """Make it.

        Args:
            client: answers in text.
            keys: of the fleet.
            host: the worker's host.
            worker: the worker's name.
            lease_seconds: how long an attempt may be silent.
            conversation_ttl: seconds that a conversation is kept.
            result_ttl: seconds that an ended job is kept.
            lost: the error of an attempt whose worker was lost.
            exhausted: the error of a job whose last try ended that way.
            orphaned: the error of a job whose model no host has had for `orphan_seconds`.
            orphan_seconds: the setting.
            clock: gives ids.
        """
        super().__init__(client, keys, host, worker, clock)
        self._started = dump_members(host=host, worker=worker)
        self._lease = lease_seconds
        self._conversation_ttl = conversation_ttl
        self._result_ttl = result_ttl
        self._lost, self._exhausted, self._orphaned = lost, exhausted, orphaned
        self._orphan_seconds = orphan_seconds
        self._closed = threading.Event()
        self.follows_seconds = 0.0
        self.direct: DirectJobs | None = None

    def claim(self, job_id: str) -> ClaimedJob | None:
        """Claim an assigned job; None when the message is stale, because another worker has the job or it has ended."""
        fence = self._clock.uuid()
        answer = self._run(
            Claim(
                id=job_id,
                host=self._host,
                lease_seconds=self._lease,
                worker=self._worker,
                members=self._started,
                fence=fence,
            )
        )
        if answer.word == "NEWER":
            version = answer.text("version")
            _log.warning("job %s is of wire version %s, of a newer producer: update this worker", job_id, version)
        if answer.word != "CLAIMED":
            return None
        return ClaimedJob.of(job_id, self._host, fence, answer)

    def complete(self, job: ClaimedJob, outcome: Completed, ran_seconds: float | None = None) -> str:
        """End the job `completed`; or `failed`, where the result is longer than Redis can store."""
        result, turn = outcome.result_json, outcome.turn_json
        size = sum(map(byte_length, (result, *turn)))
        if size > MOST_RESULT_BYTES:
            text = f"the result has {size} bytes; at most {MOST_RESULT_BYTES} can be stored"
            return self.fail(job, Error("internal", text), ran_seconds)
        return self._finish(job, outcome, result, ran_seconds)

    def fail(
        self,
        job: ClaimedJob,
        error: Error,
        ran_seconds: float | None = None,
        blame: Blame = "",
        wait_seconds: float = 0,
    ) -> str:
        """End the job `failed`. `blame` and `wait_seconds` are those of `release`."""
        return self._finish(job, Failed(error, blame, wait_seconds), dumps(error.as_json()), ran_seconds)

    def release(
        self,
        job: ClaimedJob,
        error: Error,
        delay_seconds: float,
        *,
        counts: bool,
        blame: Blame = "",
        wait_seconds: float = 0,
        ran_seconds: float = 0,
    ) -> str:
        """End the attempt; the job waits for another one. Where the job has ended meanwhile, only the slot is freed.

        With `blame` the failure speaks against the host, or the model there, and another host may get the job earlier.
        Without it, an attempt that counts keeps the job from the host while another one may get it.
        `wait_seconds` is what the host's `Retry-After` asks for, `ran_seconds` how long the attempt took.
        """
        fields = error.as_json()
        return self._settle(
            job,
            Release(
                id=job.id,
                fence=job.fence,
                members=dump_members(error=fields, delay_seconds=round(delay_seconds, 3)),
                delay_seconds=delay_seconds,
                counts=int(counts),
                blame=blame,
                reason=error.message,
                error=dumps(fields),
                wait_seconds=wait_seconds,
                ran_seconds=round(ran_seconds, 3),
                give_up=job.request.deadline if blame == "model" else 0,
            ),
        )

    def free_slot(self, job: ClaimedJob) -> str:
        """Free the slot of a cancelled job, once its connection to Ollama is closed."""
        return self._settle(job, Release(id=job.id, fence=job.fence))

    def refuse(self, job_id: str, kind: str, source: str, message: str, error: Error) -> None:
        """Set a bad message aside in the dead-letter stream; where it has a usable id, its job ends `failed`."""
        self._run(
            Refuse(
                id=job_id if is_usable_id(job_id) else "",
                kind=replace_surrogates(kind[:MOST_KIND_CHARS]),
                source=source,
                message=replace_surrogates(message[:MOST_DEAD_CHARS]),
                reason=replace_surrogates(error.message),
                error=dumps(error.as_json()),
                result_ttl=self._result_ttl,
            )
        )

    def call_off(self, job_id: str, reason: str) -> bool:
        """Cancel a job, also one that has not been submitted yet; False when it had ended."""
        call = CallOff(id=job_id, members=dump_members(reason=reason), reason=reason, result_ttl=self._result_ttl)
        return self._run(call).word == "OK"

    def close(self) -> None:
        """Stop sending the ends of attempts again; the reaper requeues those jobs."""
        self._closed.set()

    def read_history(self, job: ClaimedJob) -> list[str]:
        """Read the conversation's messages so far, oldest first, as JSON."""
        return self._client.lrange(self._keys.conversation(job.tenant, job.conversation), 0, -1)

    def read_settings(self, job: ClaimedJob) -> dict[str, str]:
        """Read the settings of the conversation, as in Redis."""
        return self._client.hgetall(self._keys.about(job.tenant, job.conversation))

    def reap(self, *, whole: bool = True) -> Reaped | None:
        """One round of the reaper, in pages until all that is due is handled; None where another worker leads.

        Then `follows_seconds` says for how long, unless that worker says again that it leads. A round that is not
        `whole` does nothing where no job waits or runs.
        """
        exhausted = dumps(self._exhausted.as_json())
        page = Reap(
            worker=self._worker,
            leader_seconds=LEADER_SECONDS,
            most=REAPED_AT_A_TIME,
            lease_seconds=self._lease,
            lost=dump_members(error=self._lost.as_json(), delay_seconds=0),
            exhausted=f'"error":{exhausted}',
            exhausted_error=exhausted,
            orphan_seconds=self._orphan_seconds,
            orphan_error=dumps(self._orphaned.as_json()),
            light=int(not whole),
        )
        done = Reaped(0, 0, 0, 0)
        for _ in range(MOST_PAGES):
            try:
                answer = self._run(page)
            except VersionMismatch:
                if whole:
                    raise
                return self.reap()  # the fleet's script is an older one, and knows whole rounds alone
            if answer.word == "FOLLOWED":
                self.follows_seconds = float(answer.optional("left") or 0)  # an older version does not tell
                return None
            if answer.optional("idle"):
                return done
            if failed := answer.optional("failed"):
                _log.error("a job could not be assigned: %s", failed)
            done = Reaped(*(before + answer.integer(name) for name, before in done._asdict().items()))
            if not answer.flag("more"):
                break
        return done

    def _finish(self, job: ClaimedJob, outcome: Completed | Failed, value: str, ran_seconds: float | None) -> str:
        """End the job; `value` is its result or its error as JSON."""
        written = outcome if isinstance(outcome, Completed) else Completed({})
        state, field = ("completed", "result") if written is outcome else ("failed", "error")
        newer: dict[str, Any] = {}
        if isinstance(outcome, Failed) and outcome.blame:
            newer = {"blame": outcome.blame, "reason": outcome.error.message, "wait_seconds": outcome.wait_seconds}
        finish = partial(
            Finish,
            id=job.id,
            fence=job.fence,
            state=state,
            members=f'"{field}":{value}',
            field=field,
            value=value,
            conversation_ttl=self._conversation_ttl,
            messages="\n".join(written.turn_json),
            events=written.events,
            ran_seconds="" if ran_seconds is None else round(ran_seconds, 3),
        )
        if self.direct is not None and self.direct.wanted:
            newer |= {
                "next_fence": self._clock.uuid(),
                "worker": self._worker,
                "members_of_next": self._started,
                "lease_seconds": self._lease,
            }
        if newer:
            with suppress(VersionMismatch):  # the fleet's script is an older one: it claims no job, or blames no host
                return self._settle(job, finish(pieces=written.pieces, **newer))
        with suppress(VersionMismatch):
            return self._settle(job, finish(pieces=written.pieces))
        with suppress(RedisError, OSError):  # the older one reads the number of events from the record
            run_many(self._client, build_calls(self._keys, self._lease, [make_renewal(job, written.pieces)]))
        return self._settle(job, finish(pieces=0))

    def _settle(self, job: ClaimedJob, arguments: Arguments) -> str:
        """Send the end of an attempt until Redis answers. The fence refuses it where another attempt has begun."""
        while not self._closed.is_set():
            try:
                answer = self._run(arguments)
            except (RedisError, OSError) as error:
                if is_refusal(error):
                    return self._fail_refused(job, arguments, error)
                _log.warning("Redis does not take the end of job %s (%s); trying again", job.id, error)
                self._closed.wait(RETRY_SECONDS)
            else:
                if self.direct is not None and isinstance(arguments, Finish):
                    for next_job in ClaimedJob.read_next(self._host, arguments.next_fence, answer):
                        self.direct.begin(next_job)
                return answer.word.lower()
        return "unsent"

    def _fail_refused(self, job: ClaimedJob, arguments: Arguments, error: Exception) -> str:
        _log.error("Redis refuses the end of job %s: %s", job.id, error)
        if isinstance(arguments, Finish) and arguments.field == "error":
            return "unsent"  # also an error is refused: the reaper ends the job
        return self.fail(job, Error("internal", f"Redis refuses the end of this attempt: {error}"))
