"""The producer's client for asyncio: the verbs of `llamaq.queue`, awaited."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Self, Unpack

from llamaq import environment, fleet, scripts, status, submission
from llamaq.aio_job import AsyncJob, AsyncReader
from llamaq.clock import SYSTEM, Clock
from llamaq.connection import Call, connect_async, run_async, run_many_async, translated
from llamaq.dead import DeadLetter, letters, once_more
from llamaq.doorbell import Doorbell
from llamaq.errors import JobNotFound, LlamaqError, UnknownModel
from llamaq.fields import ChatFields, CommonFields, ExtractFields, GenerateFields, MultimodalFields
from llamaq.images import Image, ImageSource
from llamaq.keys import Keys
from llamaq.limits import Limits
from llamaq.models import ModelStatus, near_matches
from llamaq.queue import BATCH, UPLOAD_SECONDS, raised, read_status
from llamaq.requests import AnyRequest, Kind
from llamaq.results import ChatResult, EmbeddingResult, ExtractionResult, TextResult
from llamaq.rings import Ring, rings
from llamaq.status import JobStatus
from llamaq.submission import ImageGone, Settings, Submission
from llamaq.verbs import Verbs
from llamaq.wire import members


class AsyncJobQueue:
    """Enqueues jobs, and attaches to them, from one event loop. See `JobQueue` for what each verb takes and raises."""

    def __init__(
        self,
        url: str = environment.DEFAULT_URL,
        *,
        prefix: str = "llamaq",
        limits: Limits | None = None,
        settings: Settings | None = None,
        clock: Clock = SYSTEM,
        doorbell: Doorbell | None = None,
    ) -> None:
        self.settings = settings or Settings(keys=Keys(prefix), limits=limits or Limits())
        self.url = url
        self._keys = self.settings.keys
        self._redis = connect_async(url)
        self._doorbell = doorbell or Doorbell(url, self._keys)
        self._verbs = Verbs(self.settings.limits, clock.uuid)
        self._reader = AsyncReader(self._redis, url, self._keys, clock)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """A client with the settings of the environment (`LLAMAQ_REDIS_URL` and the others)."""
        url, settings = environment.read(environ)
        return cls(url, settings=settings)

    async def generate(self, model: str, prompt: str, **fields: Unpack[GenerateFields]) -> AsyncJob[TextResult]:
        """Complete a prompt."""
        return await self._ask("generate", {"model": model, "prompt": prompt, **fields})

    async def chat(self, model: str, **fields: Unpack[ChatFields]) -> AsyncJob[ChatResult]:
        """Answer a chat: `messages` is the whole history; or `conversation` names a kept one, and `message` is new."""
        return await self._ask("chat", {"model": model, **fields})

    async def multimodal(
        self,
        model: str,
        prompt: str | None = None,
        *,
        images: Sequence[ImageSource],
        **fields: Unpack[MultimodalFields],
    ) -> AsyncJob[Any]:
        """Answer a prompt (or `messages`) about images: paths, bytes or base64 strings."""
        return await self._ask("multimodal", {"model": model, "prompt": prompt, **fields}, images)

    async def extract(
        self,
        model: str,
        prompt: str,
        *,
        schema: Any,
        images: Sequence[ImageSource] | None = None,
        **fields: Unpack[ExtractFields],
    ) -> AsyncJob[ExtractionResult]:
        """Draw a typed value out of a text: `schema` is a pydantic model, or a JSON Schema."""
        asked = {"model": model, "prompt": prompt, **fields}
        return await self._submit(await asyncio.to_thread(self._verbs.extract, schema, asked, images))

    async def embed(
        self,
        model: str,
        input: str | list[str],  # noqa: A002 - Ollama's name
        **fields: Unpack[CommonFields],
    ) -> AsyncJob[EmbeddingResult]:
        """Vectors for one text or a list of them."""
        return await self._ask("embedding", {"model": model, "input": input, **fields})

    async def submit(self, request: AnyRequest | Mapping[str, Any], *, job_id: str | None = None) -> AsyncJob[Any]:
        """Enqueue a request model, or a dict that names its `kind`.

        Args:
            request: what to do.
            job_id: the id that the job shall have (fresh by default); one that is known already is not queued again.
        """
        return await self._submit(await asyncio.to_thread(self._verbs.item, request, job_id))

    async def submit_many(self, requests: Iterable[AnyRequest | Mapping[str, Any]]) -> list[AsyncJob[Any]]:
        """Enqueue many in few round trips, in their order. Raises as `JobQueue.submit_many`."""
        checked = await asyncio.to_thread(lambda: [self._verbs.item(request) for request in requests])
        pending = iter(checked)
        jobs: list[AsyncJob[Any]] = []
        while batch := list(islice(pending, BATCH)):
            jobs += await self._submit_batch(batch)
        return jobs

    def job(self, job_id: str) -> AsyncJob[Any]:
        """Attach to a job that this or another process enqueued."""
        return AsyncJob(self, job_id)

    async def jobs(self, limit: int = 50) -> list[JobStatus]:
        """The jobs that are kept, the newest first."""
        with translated(self.url):
            ids = await self._redis.zrevrange(self._keys.jobs(), 0, max(limit, 1) - 1)
            answers = await run_many_async(self._redis, [self._status_call(job_id) for job_id in ids])
        return [read_status(job_id, raised(answer)) for job_id, answer in zip(ids, answers, strict=True) if answer]

    async def replay(self, job_id: str, **changes: Any) -> AsyncJob[Any]:
        """Enqueue a kept job's request again, as a new job; `changes` replace fields of the request.

        Raises:
            JobNotFound: it is no longer kept.
        """
        with translated(self.url):
            kind, request = await self._redis.hmget(self._keys.record(job_id), "kind", "request")
        if request is None:
            raise JobNotFound(job_id)
        return await self.submit(once_more(kind, request, changes))

    async def dead(self, limit: int = 50) -> list[DeadLetter]:
        """Messages that could not become jobs and were set aside, the newest first."""
        with translated(self.url):
            return letters(await self._redis.xrevrange(self._keys.dead(), count=limit))

    async def dead_letter(self, letter_id: str) -> DeadLetter | None:
        """One of them; None when it is not there."""
        with translated(self.url):
            found = letters(await self._redis.xrange(self._keys.dead(), letter_id, letter_id))
        return found[0] if found else None

    async def put_back(self, letter: DeadLetter, **changes: Any) -> AsyncJob[Any]:
        """Enqueue what was set aside, mended by `changes`, as a new job; then it is no longer among the dead."""
        job = await self.submit(once_more(letter.kind, letter.message, changes))
        await self.discard(letter)
        return job

    async def discard(self, letter: DeadLetter) -> bool:
        """Delete what was set aside; False when it was gone already."""
        with translated(self.url):
            return bool(await self._redis.xdel(self._keys.dead(), letter.id))

    async def models(self) -> list[ModelStatus]:
        """What the fleet offers: one entry for each model and host, as the workers last reported."""
        with translated(self.url):
            seen = await self._redis.zrange(self._keys.hosts(), 0, -1, withscores=True)
            hosts = fleet.live_hosts(await self._redis.time(), seen)
            return [model for host in hosts for model in await self._models_of(host)]

    async def aclose(self) -> None:
        """Close the connections. Jobs go on."""
        await self._redis.aclose()
        await asyncio.to_thread(self._doorbell.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # --- from a submission to a job

    async def _ask(
        self, kind: Kind, fields: Mapping[str, Any], images: Sequence[ImageSource] | None = None
    ) -> AsyncJob[Any]:
        # Off the loop: decoding a large image takes tens of milliseconds.
        verb = self._verbs.ask
        return await self._submit(await asyncio.to_thread(verb, kind, fields, images) if images else verb(kind, fields))

    async def _submit(self, one: Submission) -> AsyncJob[Any]:
        with translated(self.url):
            await self._upload(one.images)
            call = submission.call(one, self.settings)
            try:
                job_id, placed = await self._read(one, await run_async(self._redis, call))
            except ImageGone:
                await self._upload(one.images)
                job_id, placed = await self._read(one, await run_async(self._redis, call))
        await self._ring(placed)
        return AsyncJob(self, job_id)

    async def _submit_batch(self, batch: Sequence[Submission]) -> list[AsyncJob[Any]]:
        with translated(self.url):
            await self._upload([image for one in batch for image in one.images])
            answers = await run_many_async(self._redis, [submission.call(one, self.settings) for one in batch])
        jobs: list[AsyncJob[Any]] = []
        placed: list[Ring] = []
        failure: Exception | None = None
        for one, answer in zip(batch, answers, strict=True):
            try:
                job_id, more = await self._read_of_many(one, answer)
            except LlamaqError as error:
                failure = failure or error
            else:
                jobs.append(AsyncJob(self, job_id))
                placed += more
        await self._ring(placed)
        if failure is not None:
            raise failure
        return jobs

    async def _read_of_many(self, one: Submission, answer: Any) -> tuple[str, list[Ring]]:
        try:
            with translated(self.url):
                return await self._read(one, raised(answer))
        except ImageGone:
            return (await self._submit(one)).id, []

    async def _read(self, one: Submission, answer: list[Any]) -> tuple[str, list[Ring]]:
        try:
            return submission.read(one, answer)
        except UnknownModel as error:
            offered = [model.model for model in await self.models()]
            raise UnknownModel(error.model, near_matches(error.model, offered)) from None

    async def _upload(self, images: Sequence[Image]) -> None:
        for image in images:
            key = self._keys.blob(image.sha256)
            if not await self._redis.exists(key):
                await self._redis.set(key, image.data, ex=UPLOAD_SECONDS, nx=True)

    async def _ring(self, placed: Sequence[Ring]) -> None:
        if placed:
            await asyncio.to_thread(self._doorbell.ring, placed)

    # --- one job

    async def _cancel(self, job_id: str, reason: str) -> bool:
        with translated(self.url):
            call = Call(scripts.load("cancel"), [self._keys.prefix, job_id, members(reason=reason), reason])
            answer = await run_async(self._redis, call)
        if answer[0] == "MISSING":
            raise JobNotFound(job_id)
        if answer[0] == "OK":
            await self._ring(rings(answer[1]))
        return bool(answer[0] == "OK" or answer[1] == "cancelled")

    async def _status(self, job_id: str) -> JobStatus:
        with translated(self.url):
            answer = await run_async(self._redis, self._status_call(job_id))
        if not answer:
            raise JobNotFound(job_id)
        return read_status(job_id, answer)

    def _status_call(self, job_id: str) -> Call:
        return Call(scripts.load("status"), [self._keys.prefix, job_id, *status.FIELDS])

    async def _models_of(self, host: str) -> list[ModelStatus]:
        fields = await self._redis.hmget(self._keys.host(host), fleet.HOST_FIELDS)
        return fleet.models(host, fields, await self._redis.hvals(self._keys.slots(host)))
