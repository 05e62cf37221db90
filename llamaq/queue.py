"""The producer's client, blocking. `llamaq.aio` has the same verbs, awaited."""

from collections.abc import Sequence
from typing import Any, TypeVar, Unpack

from llamaq.connection import run_many, translated
from llamaq.dead import DeadLetter, letters, once_more
from llamaq.errors import JobNotFound
from llamaq.fields import ChatFields, CommonFields, ExtractFields, GenerateFields, MultimodalFields
from llamaq.images import ImageSource
from llamaq.job import Job
from llamaq.producer import Producer, raised, read_status
from llamaq.results import AnyResult, ChatResult, EmbeddingResult, ExtractionResult, TextResult
from llamaq.status import JobStatus

R = TypeVar("R", bound=AnyResult)


class JobQueue(Producer):
    """Enqueues jobs, and attaches to them. Thread-safe; make one for a process and keep it.

    Nothing connects until the first call. Every verb raises `SubmitError` (`BrokerUnavailable`, `QueueFull`,
    `InvalidRequest`, `UnknownModel`) when the job was not queued; once it returns, the job is.
    """

    def generate(self, model: str, prompt: str, **fields: Unpack[GenerateFields]) -> Job[TextResult]:
        """Complete a prompt."""
        return self._submit(self._verbs.ask("generate", {"model": model, "prompt": prompt, **fields}))

    def chat(self, model: str, **fields: Unpack[ChatFields]) -> Job[ChatResult]:
        """Answer a chat: `messages` is the whole history; or `conversation` names a kept one, and `message` is new."""
        return self._submit(self._verbs.ask("chat", {"model": model, **fields}))

    def multimodal(
        self,
        model: str,
        prompt: str | None = None,
        *,
        images: Sequence[ImageSource],
        **fields: Unpack[MultimodalFields],
    ) -> Job[Any]:
        """Answer a prompt (or `messages`) about images: paths, bytes or base64 strings."""
        return self._submit(self._verbs.ask("multimodal", {"model": model, "prompt": prompt, **fields}, images))

    def extract(
        self,
        model: str,
        prompt: str,
        *,
        schema: Any,
        images: Sequence[ImageSource] | None = None,
        **fields: Unpack[ExtractFields],
    ) -> Job[ExtractionResult]:
        """Draw a typed value out of a text: `schema` is a pydantic model, or a JSON Schema."""
        return self._submit(self._verbs.extract(schema, {"model": model, "prompt": prompt, **fields}, images))

    def embed(self, model: str, input: str | list[str], **fields: Unpack[CommonFields]) -> Job[EmbeddingResult]:  # noqa: A002 - Ollama's name
        """Vectors for one text or a list of them."""
        return self._submit(self._verbs.ask("embedding", {"model": model, "input": input, **fields}))

    def jobs(self, limit: int = 50) -> list[JobStatus]:
        """The jobs that are kept, the newest first."""
        with translated(self.url):
            ids = self._redis.zrevrange(self._keys.jobs(), 0, max(limit, 1) - 1)
            answers = run_many(self._redis, [self._status_call(job_id) for job_id in ids])
        return [read_status(job_id, raised(answer)) for job_id, answer in zip(ids, answers, strict=True) if answer]

    def replay(self, job_id: str, **changes: Any) -> Job[Any]:
        """Enqueue a kept job's request again, as a new job; `changes` replace fields of the request.

        Raises:
            JobNotFound: it is no longer kept.
        """
        with translated(self.url):
            kind, request = self._redis.hmget(self._keys.record(job_id), "kind", "request")
        if request is None:
            raise JobNotFound(job_id)
        return self.submit(once_more(kind, request, changes))

    def dead(self, limit: int = 50) -> list[DeadLetter]:
        """Messages that could not become jobs and were set aside, the newest first."""
        with translated(self.url):
            return letters(self._redis.xrevrange(self._keys.dead(), count=limit))

    def dead_letter(self, letter_id: str) -> DeadLetter | None:
        """One of them; None when it is not there."""
        with translated(self.url):
            found = letters(self._redis.xrange(self._keys.dead(), letter_id, letter_id))
        return found[0] if found else None

    def put_back(self, letter: DeadLetter, **changes: Any) -> Job[Any]:
        """Enqueue what was set aside, mended by `changes`, as a new job; then it is no longer among the dead."""
        job = self.submit(once_more(letter.kind, letter.message, changes))
        self.discard(letter)
        return job

    def discard(self, letter: DeadLetter) -> bool:
        """Delete what was set aside; False when it was gone already."""
        with translated(self.url):
            return bool(self._redis.xdel(self._keys.dead(), letter.id))
