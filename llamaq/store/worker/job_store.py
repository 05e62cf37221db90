"""The running half of the job store: one method for each script, each safe to send twice."""

import logging
import threading
from collections.abc import Sequence
from typing import NamedTuple

from redis.exceptions import RedisError

from llamaq.store.answers import Answer
from llamaq.store.arguments import Arguments
from llamaq.store.clock import SYSTEM, Clock
from llamaq.store.connection import run
from llamaq.store.keys import Keys, usable_id
from llamaq.store.redis_client import Client
from llamaq.store.script_runs import Call
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Blame, Completed, Error
from llamaq.store.worker.worker_scripts import (
    CallOff,
    Claim,
    Down,
    Finish,
    Leave,
    Proven,
    Reap,
    Refuse,
    Release,
    Report,
)
from llamaq.vocabulary.wire import dumps, members

LEADER_SECONDS = 3
REAPED_AT_A_TIME = 100
RETRY_SECONDS = 0.5
MOST_DEAD = 10_000
"""Messages kept in the dead-letter stream, about."""
_log = logging.getLogger(__name__)


class Reaped(NamedTuple):
    """What one round of the reaper did: numbers of jobs."""

    lost: int
    unclaimed: int
    due: int
    expired: int


class HostState(NamedTuple):
    """A host, as the store sees it.

    Attributes:
        circuit: `closed`, `open` or `half_open`.
        trial: the job that tries a half-open circuit, or an empty text.
        loading: whether a model is being loaded there.
        wanted: whether jobs wait for what the host has; known of a host that is down.
    """

    circuit: str = "closed"
    trial: str = ""
    loading: bool = False
    wanted: bool = True


class JobStore:
    """One worker's way to the job records.

    What ends an attempt answers what the store made of it: `ok`; `cancelled`, when the job had ended meanwhile and only
    the slot was given back; `fenced`, when the slot was no longer this attempt's and nothing was written (or this very
    word had arrived before, and its answer was lost); `unsent`, when the worker ended while Redis was away.
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
            clock: gives ids.
        """
        self._client = client
        self._keys = keys
        self._host = host
        self._worker = worker
        self._lease = lease_seconds
        self._conversation_ttl = conversation_ttl
        self._result_ttl = result_ttl
        self._clock = clock
        self._closed = threading.Event()
        self._lost = lost
        self._exhausted = exhausted

    def claim(self, job_id: str) -> ClaimedJob | None:
        """Claim an assigned job; None when the message is stale: another worker has it, or it has ended."""
        started = members(host=self._host, worker=self._worker)
        answer = self._run(
            Claim(
                id=job_id,
                host=self._host,
                lease_seconds=self._lease,
                worker=self._worker,
                members=started,
                token=self._clock.uuid(),
            )
        )
        if answer.word == "NEWER":
            version = answer.text("version")
            _log.warning("job %s is of wire version %s, of a newer producer: update this worker", job_id, version)
        if answer.word != "CLAIMED":
            return None
        return ClaimedJob.of(job_id, self._host, answer)

    def complete(self, job: ClaimedJob, outcome: Completed) -> str:
        """End the job well; with an error, when the result holds a number that JSON cannot carry (1e999)."""
        try:
            result = dumps(outcome.result)
            turn = [dumps(message) for message in outcome.turn]
        except ValueError as error:
            return self.fail(job, Error("ollama_error", f"the answer cannot be stored: {error}"))
        return self._finish(job, "completed", "result", result, turn)

    def fail(self, job: ClaimedJob, error: Error) -> str:
        """End the job with an error."""
        return self._finish(job, "failed", "error", dumps(error.as_json()))

    def release(self, job: ClaimedJob, error: Error, delay_seconds: float, *, counts: bool, blame: Blame = "") -> str:
        """Give the job back for another attempt; of one that has ended meanwhile, give back the slot alone.

        With `blame` the failure speaks against the host: the job may go to another one before its delay is over.
        """
        return self._settle(
            job,
            Release(
                id=job.id,
                fence=job.fence,
                members=members(error=error.as_json(), delay_seconds=round(delay_seconds, 3)),
                delay_seconds=delay_seconds,
                counts=int(counts),
                blame=blame,
                reason=error.message,
            ),
        )

    def let_go(self, job: ClaimedJob) -> str:
        """Give back the slot of a job that was cancelled: its connection to Ollama is closed now."""
        return self._settle(job, Release(id=job.id, fence=job.fence))

    def refuse(self, job_id: str, kind: str, source: str, message: str, error: Error) -> None:
        """Set a bad message aside in the dead-letter stream; its job, where it has an id, ends `failed`."""
        self._run(
            Refuse(
                id=job_id if usable_id(job_id) else "",
                kind=kind,
                source=source,
                message=message,
                reason=error.message,
                error=dumps(error.as_json()),
                result_ttl=self._result_ttl,
                most_dead=MOST_DEAD,
            )
        )

    def call_off(self, job_id: str, reason: str) -> bool:
        """Cancel a job, also one that is yet to come; False when it had ended."""
        call = CallOff(id=job_id, members=members(reason=reason), reason=reason, result_ttl=self._result_ttl)
        return self._run(call).word == "OK"

    def close(self) -> None:
        """Try no longer to reach Redis: the reaper settles the rest."""
        self._closed.set()

    def history(self, job: ClaimedJob) -> list[str]:
        """The conversation's messages so far, oldest first, as JSON."""
        return self._client.lrange(self._keys.conversation(job.tenant, job.conversation), 0, -1)

    def settings(self, job: ClaimedJob) -> dict[str, str]:
        """What the conversation is set to."""
        return self._client.hgetall(self._keys.about(job.tenant, job.conversation))

    def report(
        self,
        slots: int,
        max_models: int,
        status: str,
        models: Sequence[str],
        *,
        loaded: Sequence[str] = (),
        affinity_patience: float,
        lane_patience: float,
    ) -> HostState:
        """Report what this worker's host offers.

        `loaded` are the models in memory. Patience is in seconds: of jobs with what is in memory, and of a lane with
        those above it.
        """
        answer = self._run(
            Report(
                host=self._host,
                worker=self._worker,
                slots=slots,
                max_models=max_models,
                status=status,
                affinity_patience=affinity_patience,
                lane_patience=lane_patience,
                loaded=" ".join(loaded),
                models=" ".join(models),
            )
        )
        return HostState(circuit=answer.text("circuit"), trial=answer.text("trial"), loading=answer.flag("loading"))

    def down(self, slots: int, max_models: int, reason: str) -> HostState:
        """Report that this worker's host does not answer."""
        call = Down(host=self._host, worker=self._worker, slots=slots, max_models=max_models, reason=reason)
        answer = self._run(call)
        return HostState(circuit=answer.text("circuit"), wanted=answer.flag("wanted"))

    def proven(self) -> HostState:
        """Report that an answer has begun on this worker's host, so that it is well."""
        return HostState(circuit=self._run(Proven(host=self._host)).text("circuit"))

    def leave(self) -> None:
        """Tell the fleet that this worker takes nothing more."""
        self._run(Leave(host=self._host, worker=self._worker))

    def reap(self) -> Reaped | None:
        """One round of the reaper, unless another worker leads."""
        exhausted = dumps(self._exhausted.as_json())
        answer = self._run(
            Reap(
                worker=self._worker,
                leader_seconds=LEADER_SECONDS,
                most=REAPED_AT_A_TIME,
                lease_seconds=self._lease,
                lost=members(error=self._lost.as_json(), delay_seconds=0),
                exhausted=f'"error":{exhausted}',
                exhausted_error=exhausted,
            )
        )
        if answer.word == "FOLLOWED":
            return None
        return Reaped(*(answer.integer(name) for name in Reaped._fields))

    def _finish(self, job: ClaimedJob, state: str, field: str, value: str, turn: Sequence[str] = ()) -> str:
        return self._settle(
            job,
            Finish(
                id=job.id,
                fence=job.fence,
                state=state,
                members=f'"{field}":{value}',
                field=field,
                value=value,
                conversation_ttl=self._conversation_ttl,
                messages="\n".join(turn),
            ),
        )

    def _settle(self, job: ClaimedJob, arguments: Arguments) -> str:
        """Send the end of an attempt until Redis has it: by then the job is still ours, or the fence refuses it."""
        while not self._closed.is_set():
            try:
                return self._run(arguments).word.lower()
            except (RedisError, OSError) as error:
                _log.warning("Redis does not take the end of job %s (%s); trying again", job.id, error)
                self._closed.wait(RETRY_SECONDS)
        return "unsent"

    def _run(self, arguments: Arguments) -> Answer:
        return run(self._client, Call(self._keys.prefix, arguments))
