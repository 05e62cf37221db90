"""The running half of the job store: one method for each script, each safe to send twice."""

import logging
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

from redis.exceptions import RedisError

from llamaq.store import scripts
from llamaq.store.clock import SYSTEM, Clock
from llamaq.store.connection import Call, Client, run
from llamaq.store.keys import Keys, usable_id
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Blame, Completed, Error
from llamaq.vocabulary.wire import dumps, members

LEADER_SECONDS = 3
RESCUED_AT_A_TIME = 100
RETRY_SECONDS = 0.5
MOST_DEAD = 10_000
"""Messages kept in the dead-letter stream, about."""
_log = logging.getLogger(__name__)


class Rescued(NamedTuple):
    """What one round of rescue did: numbers of jobs."""

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
        """Take a placed job over; None when the message is stale: another worker has it, or it has ended."""
        started = members(host=self._host, worker=self._worker)
        answer = self._run("claim", job_id, self._host, self._lease, self._worker, started, self._clock.uuid())
        if answer[0] == "NEWER":
            _log.warning("job %s is of wire version %s, of a newer producer: update this worker", job_id, answer[1])
        if answer[0] != "CLAIMED":
            return None
        fence, attempt, tries, most, waited, ran, kind, model, tenant, conversation, request = answer[1:]
        return ClaimedJob(
            id=job_id,
            fence=fence,
            attempt=attempt,
            tries=tries,
            max_attempts=most,
            waited_seconds=float(waited),
            ran_seconds=float(ran),
            kind=kind,
            model=model,
            tenant=tenant,
            conversation=conversation,
            host=self._host,
            request_json=request,
        )

    def complete(self, job: ClaimedJob, outcome: Completed) -> str:
        """End the job well; with an error, when the result holds a number that JSON cannot carry (1e999)."""
        try:
            result = dumps(outcome.result)
            turn = [dumps(message) for message in outcome.turn]
        except ValueError as error:
            return self.fail(job, Error("ollama_error", f"the answer cannot be stored: {error}"))
        return self._finish(job, "completed", f'"result":{result}', "result", result, turn)

    def fail(self, job: ClaimedJob, error: Error) -> str:
        """End the job with an error."""
        text = dumps(error.as_json())
        return self._finish(job, "failed", f'"error":{text}', "error", text, [])

    def release(self, job: ClaimedJob, error: Error, delay_seconds: float, *, counts: bool, blame: Blame = "") -> str:
        """Give the job back for another attempt; of one that has ended meanwhile, give back the slot alone.

        With `blame` the failure speaks against the host: the job may go to another one before its delay is over.
        """
        words = members(error=error.as_json(), delay_seconds=round(delay_seconds, 3))
        count = "1" if counts else "0"
        return self._settle("release", job.id, job.fence, words, delay_seconds, count, blame, error.message)

    def let_go(self, job: ClaimedJob) -> str:
        """Give back the slot of a job that was cancelled: its connection to Ollama is closed now."""
        return self._settle("release", job.id, job.fence, "", 0, "0", "", "")

    def refuse(self, job_id: str, kind: str, source: str, message: str, error: Error) -> None:
        """Set a bad message aside in the dead-letter stream; its job, where it has an id, ends `failed`."""
        text = dumps(error.as_json())
        job_id = job_id if usable_id(job_id) else ""
        self._run("refuse", job_id, kind, source, message, error.message, text, self._result_ttl, MOST_DEAD)

    def call_off(self, job_id: str, reason: str) -> bool:
        """Cancel a job, also one that is yet to come; False when it had ended."""
        answer = self._run("call_off", job_id, members(reason=reason), reason, self._result_ttl)
        return bool(answer[0] == "OK")

    def close(self) -> None:
        """Try no longer to reach Redis: what is not settled now, rescue will find."""
        self._closed.set()

    def history(self, job: ClaimedJob) -> list[str]:
        """The conversation's messages so far, oldest first, as JSON."""
        texts: list[str] = self._client.lrange(self._keys.conversation(job.tenant, job.conversation), 0, -1)
        return texts

    def settings(self, job: ClaimedJob) -> dict[str, str]:
        """What the conversation is set to."""
        fields: dict[str, str] = self._client.hgetall(self._keys.about(job.tenant, job.conversation))
        return fields

    def report(
        self,
        slots: int,
        max_models: int,
        status: str,
        models: Sequence[str],
        *,
        loaded: Sequence[str] = (),
        affinity_patience: float = 15.0,
        lane_patience: float = 60.0,
    ) -> HostState:
        """Report what this worker's host offers.

        `loaded` are the models in memory. Patience is in seconds: of jobs with what is in memory, and of a lane with
        those above it.
        """
        patience = (affinity_patience, lane_patience)
        spec: list[str | float] = [self._host, self._worker, slots, max_models, status, *patience, " ".join(loaded)]
        answer = self._run("report", *spec, *models)
        return HostState(circuit=answer[2], trial=answer[3], loading=bool(answer[1]))

    def down(self, slots: int, max_models: int, reason: str) -> HostState:
        """Report that this worker's host does not answer."""
        answer = self._run("down", self._host, self._worker, slots, max_models, reason)
        return HostState(circuit=answer[1], wanted=answer[2] == "1")

    def proven(self) -> HostState:
        """Report that an answer has begun on this worker's host, so that it is well."""
        return HostState(circuit=self._run("proven", self._host)[1])

    def leave(self) -> None:
        """Tell the fleet that this worker takes nothing more."""
        self._run("leave", self._host, self._worker)

    def rescue(self) -> Rescued | None:
        """One round of rescue, unless another worker leads."""
        lost = members(error=self._lost.as_json(), delay_seconds=0)
        exhausted = dumps(self._exhausted.as_json())
        answer = self._run(
            "rescue",
            self._worker,
            LEADER_SECONDS,
            RESCUED_AT_A_TIME,
            self._lease,
            lost,
            f'"error":{exhausted}',
            exhausted,
        )
        if answer[0] == "FOLLOWED":
            return None
        return Rescued(*answer[1:])

    def _finish(self, job: ClaimedJob, state: str, words: str, field: str, value: str, turn: list[str]) -> str:
        return self._settle("finish", job.id, job.fence, state, words, field, value, self._conversation_ttl, *turn)

    def _settle(self, name: str, *args: str | float) -> str:
        """Send an attempt's last word until Redis has it: by then the job is still ours, or the fence refuses it."""
        while not self._closed.is_set():
            try:
                answer = self._run(name, *args)
            except (RedisError, OSError) as error:
                _log.warning("Redis does not take the end of job %s (%s); trying again", args[0], error)
                self._closed.wait(RETRY_SECONDS)
            else:
                return str(answer[0]).lower()
        return "unsent"

    def _run(self, name: str, *args: str | float) -> Any:
        return run(self._client, Call(scripts.load(name), [self._keys.prefix, *args]))
