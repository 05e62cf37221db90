"""The producer's client for asyncio: the verbs of `llamaq.queue`, awaited."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from llamaq.aio_job import AsyncJob
from llamaq.aio_producer import AsyncProducer
from llamaq.connection import run_many_async, translated
from llamaq.dead import DeadLetter, letters, once_more
from llamaq.errors import JobNotFound
from llamaq.fields import ChatFields, CommonFields, ExtractFields, GenerateFields, MultimodalFields
from llamaq.images import ImageSource
from llamaq.producer import raised, read_status
from llamaq.requests import Kind
from llamaq.results import ChatResult, EmbeddingResult, ExtractionResult, TextResult
from llamaq.status import JobStatus


class AsyncJobQueue(AsyncProducer):
    """Enqueues jobs, and attaches to them, from one event loop. See `JobQueue` for what each verb takes and raises."""

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

    async def _ask(
        self, kind: Kind, fields: Mapping[str, Any], images: Sequence[ImageSource] | None = None
    ) -> AsyncJob[Any]:
        # Off the loop: decoding a large image takes tens of milliseconds.
        verb = self._verbs.ask
        return await self._submit(await asyncio.to_thread(verb, kind, fields, images) if images else verb(kind, fields))
