"""The half of the blocking client that works on any request: from a submission to a job, and one job's state."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Self

from redis.exceptions import ResponseError

from llamaq.admission import submission
from llamaq.admission.preparation import Verbs
from llamaq.admission.submission import Submission, UploadLapsed
from llamaq.client.blocking.job import Job
from llamaq.client.blocking.reader import Reader
from llamaq.images.loading import Image
from llamaq.settings import environment
from llamaq.settings.producer import Limits, Settings
from llamaq.store import cancel, fleet, scripts
from llamaq.store.clock import SYSTEM, Clock
from llamaq.store.connection import Call, connect, run, run_many, translated
from llamaq.store.keys import Keys
from llamaq.vocabulary import status
from llamaq.vocabulary.errors import JobNotFound, LlamaqError, UnknownModel
from llamaq.vocabulary.models import HostStatus, ModelStatus, near_matches
from llamaq.vocabulary.requests import AnyRequest
from llamaq.vocabulary.status import JobStatus

UPLOAD_SECONDS = 3600
"""How long a stored image waits for its job."""
BATCH = 200
"""Jobs in one round trip of `submit_many`."""
_log = logging.getLogger(__name__)


class Producer:
    """Enqueues requests, and attaches to jobs."""

    def __init__(
        self,
        url: str = environment.DEFAULT_URL,
        *,
        prefix: str = "llamaq",
        limits: Limits | None = None,
        settings: Settings | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        """Make a client.

        Args:
            url: of Redis; `rediss://` for TLS.
            prefix: first part of every key, as the workers have it (`LLAMAQ_PREFIX`).
            limits: what one request may bring.
            settings: all of a producer's settings, in place of `prefix` and `limits`.
            clock: where time and ids come from.
        """
        self.settings = settings or Settings(keys=Keys(prefix), limits=limits or Limits())
        self.url = url
        self._keys = self.settings.keys
        self._redis = connect(url)
        self._verbs = Verbs(self.settings.limits, clock.uuid)
        self._reader = Reader(self._redis, url, self._keys, clock)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """A client with the settings of the environment (`LLAMAQ_REDIS_URL` and the others)."""
        url, settings = environment.read(environ)
        return cls(url, settings=settings)

    def submit(self, request: AnyRequest | Mapping[str, Any], *, job_id: str | None = None) -> Job[Any]:
        """Enqueue a request model, or a dict that names its `kind`.

        Args:
            request: what to do.
            job_id: the id that the job shall have (fresh by default); one that is known already is not queued again.
        """
        return self._submit(self._verbs.item(request, job_id))

    def submit_many(self, requests: Iterable[AnyRequest | Mapping[str, Any]]) -> list[Job[Any]]:
        """Enqueue many in few round trips; the jobs come in the order of the requests.

        All are checked first: when one is invalid, none is queued. When the queue is full, or Redis fails, on the way,
        the first error is raised and what was queued stays so, also behind it in the same round trip: give each an
        `idempotency_key` to send them all again.
        """
        pending = iter([self._verbs.item(request) for request in requests])
        jobs: list[Job[Any]] = []
        while batch := list(islice(pending, BATCH)):
            jobs += self._submit_batch(batch)
        return jobs

    def job(self, job_id: str) -> Job[Any]:
        """Attach to a job that this or another process enqueued."""
        return Job(self, job_id)

    def models(self) -> list[ModelStatus]:
        """What the fleet offers: one entry for each model and host, as the workers last reported."""
        return [model for host in self.hosts() for model in host.models]

    def hosts(self) -> list[HostStatus]:
        """The hosts for which a worker speaks, also those that fail just now."""
        with translated(self.url):
            time, seen = self._redis.time(), self._redis.zrange(self._keys.hosts(), 0, -1, withscores=True)
            names = fleet.live_hosts(time, seen)
            with self._redis.pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.hmget(self._keys.host(name), fleet.HOST_FIELDS)
                    pipe.hvals(self._keys.slots(name))
                return fleet.hosts(time, names, pipe.execute())

    def close(self) -> None:
        """Close the connections. Jobs go on."""
        self._redis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- from a submission to a job

    def _submit(self, one: Submission) -> Job[Any]:
        with translated(self.url):
            self._upload(one.images)
            try:
                job_id = self._read(one, run(self._redis, submission.call(one, self.settings)))
            except UploadLapsed:
                self._upload(one.images)
                job_id = self._read(one, run(self._redis, submission.call(one, self.settings)))
        return Job(self, job_id)

    def _submit_batch(self, batch: Sequence[Submission]) -> list[Job[Any]]:
        with translated(self.url):
            self._upload([image for one in batch for image in one.images])
            answers = run_many(self._redis, [submission.call(one, self.settings) for one in batch])
        jobs: list[Job[Any]] = []
        failure: Exception | None = None
        for one, answer in zip(batch, answers, strict=True):
            try:
                jobs.append(Job(self, self._read_of_many(one, answer)))
            except LlamaqError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return jobs

    def _read_of_many(self, one: Submission, answer: Any) -> str:
        try:
            with translated(self.url):
                return self._read(one, raised(answer))
        except UploadLapsed:
            return self._submit(one).id

    def _read(self, one: Submission, answer: list[Any]) -> str:
        try:
            return submission.read(one, answer)
        except UnknownModel as error:
            raise UnknownModel(error.model, near_matches(error.model, [m.model for m in self.models()])) from None

    def _upload(self, images: Sequence[Image]) -> None:
        for image in images:
            key = self._keys.blob(image.sha256)
            if not self._redis.exists(key):
                self._redis.set(key, image.data, ex=UPLOAD_SECONDS, nx=True)

    # --- one job

    def _cancel(self, job_id: str, reason: str) -> bool:
        call = cancel.call(self._keys, job_id, reason)
        with translated(self.url):
            return cancel.read(job_id, run(self._redis, call))

    def _status(self, job_id: str) -> JobStatus:
        with translated(self.url):
            answer = run(self._redis, self._status_call(job_id))
        if not answer:
            raise JobNotFound(job_id)
        return read_status(job_id, answer)

    def _status_call(self, job_id: str) -> Call:
        return Call(scripts.load("status"), [self._keys.prefix, job_id, *status.FIELDS])


def read_status(job_id: str, answer: list[Any]) -> JobStatus:
    """The typed status out of the answer of `status.lua`."""
    position, eta, values = answer
    ahead = None if position == "" else int(position)
    return status.read(job_id, values, ahead, float(eta) if eta else None)


def read_kept(ids: Sequence[str], answers: Sequence[Any]) -> list[JobStatus]:
    """The typed statuses out of the answers of `status.lua`; a record that something else has damaged is left out."""
    found = []
    for job_id, answer in zip(ids, answers, strict=True):
        # An error of the class itself comes from the script: of its subclasses most are about Redis, not about the job.
        if type(answer) is ResponseError or not raised(answer):
            continue
        try:
            found.append(read_status(job_id, answer))
        except ValueError:  # pydantic's, json's and our own
            _log.warning("the record of job %s is damaged; it is left out of the list", job_id)
    return found


def raised(answer: Any) -> Any:
    """The answer of one script of many, unless it is an error."""
    if isinstance(answer, Exception):
        raise answer
    return answer
