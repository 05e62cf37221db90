# Generated from ../aio/producer.py by `python3 run.py generate`: change that file instead.
"""The base of a queue: it submits requests of any kind, and lists the models and hosts of the fleet."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from itertools import islice
from typing import Any, Self

from pydantic_core import from_json

from llamaq.admission import submission
from llamaq.admission.limits import check_iterable
from llamaq.admission.preparation import Preparation
from llamaq.admission.submission import BATCH, Submission, UploadExpired
from llamaq.client.blocking import io
from llamaq.client.blocking.connection import Connection
from llamaq.client.blocking.job import Job
from llamaq.client.blocking.pipeline import Pipeline
from llamaq.client.offered_models import find_digests
from llamaq.images.image import UPLOAD_SECONDS, Image
from llamaq.settings import environment
from llamaq.settings.producer import Limits, Settings, resolve_settings
from llamaq.store import fleet
from llamaq.store.answers import Answer
from llamaq.store.clock import SYSTEM, Clock
from llamaq.store.redis_client import Client
from llamaq.store.redis_errors import translate_errors
from llamaq.store.script_drivers import run, unwrap
from llamaq.vocabulary.errors import LlamaqError, UnknownModel
from llamaq.vocabulary.models import HostStatus, ModelStatus, WorkerStatus, find_near_matches
from llamaq.vocabulary.requests import AnyRequest


class Producer:
    """Submits requests, and attaches to jobs."""

    def __init__(
        self,
        url: str = environment.DEFAULT_URL,
        *,
        prefix: str = environment.DEFAULT_PREFIX,
        limits: Limits | None = None,
        settings: Settings | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        """Make a client; nothing connects until the first call.

        Args:
            url: of Redis; `rediss://` for TLS.
            prefix: first part of every key, as the workers have it (`LLAMAQ_PREFIX`).
            limits: of one request.
            settings: all settings of a producer, instead of `prefix` and `limits`.
            clock: gives times and ids.

        Raises:
            InvalidRequest: the URL cannot be one of a Redis, or a setting is wrong.
        """
        self._build()
        self.settings = resolve_settings(settings, prefix, limits)
        self._keys = self.settings.keys
        self._connection = Connection(url, self.settings, clock)
        self.url = self._connection.url
        self._preparation = Preparation(self.settings.limits, clock.uuid)

    def _build(self) -> None:
        """Build what the first calls need. A worker, whose `Operations` submit nothing, would keep 7 MB for it."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """A client with the settings of the environment (`LLAMAQ_REDIS_URL` and the others).

        A variable that begins with `LLAMAQ_` and that no program of llamaq reads gives a `UserWarning`, once.

        Raises:
            InvalidRequest: with a problem for each variable that is wrong.
        """
        url, settings = environment.read(environ)
        environment.warn_of_unknown(environ)
        return cls(url, settings=settings)

    def with_most_waiting(self, jobs: int) -> Self:
        """The same queue and connections, with a limit: a submit is refused while so many jobs of its tenant wait.

        Raises:
            InvalidRequest: the number is out of bounds.
        """
        limited = copy(self)
        limited.settings = replace(self.settings, max_queued_per_tenant=jobs)
        return limited

    def submit(self, request: AnyRequest | Mapping[str, Any], *, job_id: str | None = None) -> Job[Any]:
        """Enqueue a request model, or a dict that names its `kind`.

        Args:
            request: of any kind. A dict may also have a `note`, a text that is kept with the job (`job.request()`).
            job_id: the id of the job, by default a new one. A job with a known id is not queued again.
        """
        return self._submit(io.run_preparation(self._preparation.prepare_item, request, job_id))

    def submit_many(self, requests: Iterable[AnyRequest | Mapping[str, Any]]) -> list[Job[Any]]:
        """Enqueue many in few round trips; the jobs come in the order of the requests.

        All are checked first: when one is invalid, none is queued. When the queue is full or Redis fails in between,
        the first error is raised, and the requests that were queued stay queued, also later ones of the same round
        trip and of the next one, which is on its way by then. With an `idempotency_key` in each, all can be sent again.
        """
        many = check_iterable(requests, "requests")
        checked = io.run_in_thread(lambda: [self._preparation.prepare_item(request) for request in many])
        with translate_errors(self.url, self.settings.redis_names):
            return self._submit_all(iter(checked))

    def job(self, job_id: str) -> Job[Any]:
        """Attach to a job that this or another process enqueued."""
        return Job(self._connection, job_id)

    def models(self) -> list[ModelStatus]:
        """The models of the fleet: one entry for each model and host, as the workers last reported."""
        return [model for host in self.hosts() for model in host.models]

    def show(self, model: str) -> dict[str, Any] | None:
        """Ollama's `/api/show` of a model; None where its hosts have not reported it.

        Raises:
            UnknownModel: no host has it.
        """
        with self._connection.verb() as redis:
            for digest in find_digests(model, self.models()):
                if (found := redis.execute_command("GET", self._keys.card(digest))) is not None:
                    card: dict[str, Any] = from_json(str(found))
                    return card
        return None

    def hosts(self) -> list[HostStatus]:
        """The hosts that a worker has reported lately, also those that do not answer."""
        with self._connection.query() as redis:
            time, seen = redis.time(), redis.zrange(self._keys.hosts(), 0, -1, withscores=True)
            names = fleet.find_live_hosts(time, seen)
            commands = [command for name in names for command in fleet.build_host_commands(self._keys, name)]
            paused = redis.hgetall(self._keys.paused())
            return fleet.read_hosts(time, names, [unwrap(reply) for reply in redis.execute_all(commands)], paused)

    def workers(self) -> list[WorkerStatus]:
        """The worker processes that have reported themselves lately, and those that stop, by host and name."""
        with self._connection.query() as redis:
            seconds, _ = redis.time()
            seen = redis.zrange(self._keys.hosts(), 0, -1, withscores=True)
            names, paused = [name for name, _ in seen], redis.hgetall(self._keys.paused())
            commands = [command for name in names for command in fleet.build_worker_commands(self._keys, name)]
            answers = [unwrap(reply) for reply in redis.execute_all(commands)]
            runs_on = [["HGET", self._keys.record(job_id), "worker"] for job_id in fleet.read_running_jobs(answers)]
            runs = [unwrap(reply) for reply in redis.execute_all(runs_on)]
            return fleet.read_workers(seconds, names, answers, runs, paused)

    def close(self) -> None:
        """Close the connections. Jobs go on. Readers raise `StreamError` then, and other verbs `RuntimeError`.

        A call that is under way raises `BrokerUnavailable`, and may have been done.

        For an asyncio queue this concerns the event loop that closed it.
        """
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- from a submission to a job

    def _submit(self, one: Submission) -> Job[Any]:
        with self._connection.verb() as redis:
            self._upload(redis, one.images)
            call = submission.build_call(one, self.settings)
            try:
                job_id = self._read(one, run(redis, call))
            except UploadExpired:
                self._upload(redis, one.images)
                job_id = self._read(one, run(redis, call))
        return Job(self._connection, job_id)

    def _submit_all(self, pending: Iterator[Submission]) -> list[Job[Any]]:
        sent: deque[Sequence[Submission]] = deque()
        jobs: list[Job[Any]] = []
        with Pipeline(self._connection.redis, self.settings.call_seconds) as pipeline:
            while batch := list(islice(pending, BATCH)):
                self._upload_all(batch, pipeline)
                pipeline.begin([submission.build_call(one, self.settings) for one in batch])
                sent.append(batch)
                if len(sent) > 1:
                    jobs += self._read_jobs(sent.popleft(), pipeline)
            while sent:
                jobs += self._read_jobs(sent.popleft(), pipeline)
        return jobs

    def _upload_all(self, batch: Sequence[Submission], pipeline: Pipeline) -> None:
        images = [image for one in batch for image in one.images]
        if images:
            pipeline.release()
            with self._connection.verb() as redis:
                self._upload(redis, images)

    def _read_jobs(self, batch: Sequence[Submission], pipeline: Pipeline) -> list[Job[Any]]:
        jobs: list[Job[Any]] = []
        failure: Exception | None = None
        answers = pipeline.end()
        if all(map(submission.is_new, answers)):
            return [Job(self._connection, one.job_id) for one in batch]
        if not all(map(submission.is_accepted, answers)):
            pipeline.release()  # a queue may have no other connection, and reading a refusal may need one
        for one, answer in zip(batch, answers, strict=True):
            try:
                jobs.append(Job(self._connection, self._read_of_many(one, answer)))
            except LlamaqError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return jobs

    def _read_of_many(self, one: Submission, answer: Answer | Exception) -> str:
        try:
            with translate_errors(self.url, self.settings.redis_names):
                return self._read(one, unwrap(answer))
        except UploadExpired:
            return (self._submit(one)).id

    def _read(self, one: Submission, answer: Answer) -> str:
        try:
            return submission.read_answer(one, answer, self.settings)
        except UnknownModel as error:
            offered = [model.model for model in self.models()]
            raise UnknownModel(error.model, find_near_matches(error.model, offered)) from None

    def _upload(self, redis: Client, images: Sequence[Image]) -> None:
        for image in images:
            key = self._keys.blob(image.sha256)
            if not redis.exists(key):
                redis.set(key, image.data, ex=UPLOAD_SECONDS, nx=True)
