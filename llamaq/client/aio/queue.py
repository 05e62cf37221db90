"""The queue: a verb for each kind of job, conversations, and batches."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Any, TypeVar, Unpack, overload

from pydantic import TypeAdapter

from llamaq.client import batches
from llamaq.client.aio import batch, io
from llamaq.client.aio.conversation import AsyncConversation
from llamaq.client.aio.extraction_job import bind_type
from llamaq.client.aio.job import AsyncJob
from llamaq.client.aio.operations import AsyncOperations
from llamaq.client.batches import BatchResult, Window
from llamaq.client.conversation_calls import conversations_call, read_conversations, require_model, validate_tenant
from llamaq.client.list_pages import split_pages
from llamaq.images.image import ImageSource
from llamaq.store import scripts
from llamaq.store.producer_scripts import Status, Submit
from llamaq.store.script_drivers import run_async
from llamaq.vocabulary import events, requests
from llamaq.vocabulary.conversations import ConversationInfo
from llamaq.vocabulary.fields import (
    AnyMessage,
    ChatFields,
    EmbeddingFields,
    ExtractFields,
    GenerateFields,
    MultimodalFields,
)
from llamaq.vocabulary.kinds.chat import ChatRequest, ChatResult
from llamaq.vocabulary.kinds.embedding import EmbeddingRequest, EmbeddingResult
from llamaq.vocabulary.kinds.extraction import ExtractionResult
from llamaq.vocabulary.kinds.generate import GenerateRequest, TextResult
from llamaq.vocabulary.requests import AnyRequest, Kind
from llamaq.vocabulary.status import JobStatus

T = TypeVar("T")


class AsyncJobQueue(AsyncOperations):
    """Submits jobs, and attaches to them. Make one for a process and keep it; threads and event loops may share it.

    Nothing connects until the first call. A verb that submits raises `SubmitError` (`BrokerUnavailable`, `QueueFull`,
    `InvalidRequest`, `UnknownModel`, `ConversationBusy`) when the job was not queued. When it returns, the job is
    queued. Any verb may raise `BrokerUnavailable` and `VersionMismatch`.
    """

    def _build(self) -> None:
        requests.build_validator()
        events.build_validator()
        JobStatus.model_rebuild()
        for arguments in (Submit, Status):  # readers ask for the place of a job that waits
            scripts.load(arguments)

    async def generate(self, model: str, prompt: str, **fields: Unpack[GenerateFields]) -> AsyncJob[TextResult]:
        """Complete a prompt."""
        return await self._ask("generate", {"model": model, "prompt": prompt, **fields})

    async def chat(
        self, model: str | None = None, messages: Sequence[AnyMessage] | None = None, **fields: Unpack[ChatFields]
    ) -> AsyncJob[ChatResult]:
        """Answer a chat: `messages` is the whole history; or `conversation` names a kept one, and `message` is new.

        `model` may be left out where the settings of the conversation have one.
        """
        async with self._connection.verb():
            if model is None and fields.get("conversation"):
                named = self.conversation(fields["conversation"], fields.get("tenant", "default"))
                model = (await named.settings()).model
            request = {"model": require_model(model, {**fields}), "messages": messages, **fields}
            return await self._ask("chat", request)

    def conversation(self, name: str, tenant: str = "default") -> AsyncConversation:
        """A kept conversation. It begins with its first turn or setting."""
        return AsyncConversation(self._connection, self.chat, name, tenant)

    async def conversations(self, limit: int = 50, tenant: str = "default") -> list[ConversationInfo]:
        """A tenant's conversations, the one that was changed last first."""
        found: dict[str, ConversationInfo] = {}
        tenant = validate_tenant(tenant)
        for skipped, number in split_pages(limit):
            async with self._connection.query() as redis:
                answer = await run_async(redis, conversations_call(self.settings, tenant, skipped, number))
                seconds, _ = await redis.time()
                found |= {row.name: row for row in read_conversations(tenant, answer, seconds)}
            if not answer.flag("more"):
                break
        return list(found.values())

    async def multimodal(
        self,
        model: str,
        prompt: str | None = None,
        *,
        images: Sequence[ImageSource] | None = None,
        **fields: Unpack[MultimodalFields],
    ) -> AsyncJob[Any]:
        """Answer a prompt (or `messages`) about images: paths, bytes, base64, open files or pictures of Pillow.

        The messages may have images themselves.
        """
        return await self._ask("multimodal", {"model": model, "prompt": prompt, **fields}, images)

    @overload
    async def extract(
        self,
        model: str,
        prompt: str,
        *,
        schema: type[T] | TypeAdapter[T],
        images: Sequence[ImageSource] | None = None,
        **fields: Unpack[ExtractFields],
    ) -> AsyncJob[ExtractionResult[T]]: ...

    @overload
    async def extract(
        self,
        model: str,
        prompt: str,
        *,
        schema: Any,
        images: Sequence[ImageSource] | None = None,
        **fields: Unpack[ExtractFields],
    ) -> AsyncJob[ExtractionResult[Any]]: ...

    async def extract(
        self,
        model: str,
        prompt: str,
        *,
        schema: Any,
        images: Sequence[ImageSource] | None = None,
        **fields: Unpack[ExtractFields],
    ) -> AsyncJob[ExtractionResult[Any]]:
        """Draw a typed value out of a text: `schema` is a type that pydantic knows (or its TypeAdapter), or a dict.

        The job's `result` and `partials` ask again for a value that the type refuses. The `value` of the result is of
        the type.
        """
        request = {"model": model, "prompt": prompt, **fields}
        submission = await io.run_in_thread(self._preparation.prepare_extraction, schema, request, images)
        return bind_type(self, await self._submit(submission), schema, submission.request)

    @overload
    def extract_many(
        self,
        schema: type[T] | TypeAdapter[T],
        items: Iterable[str | Mapping[str, Any]],
        *,
        model: str,
        in_flight: int = batches.IN_FLIGHT,
        run: str | None = None,
        **fields: Unpack[ExtractFields],
    ) -> AsyncGenerator[BatchResult[ExtractionResult[T]], None]: ...

    @overload
    def extract_many(
        self,
        schema: Any,
        items: Iterable[str | Mapping[str, Any]],
        *,
        model: str,
        in_flight: int = batches.IN_FLIGHT,
        run: str | None = None,
        **fields: Unpack[ExtractFields],
    ) -> AsyncGenerator[BatchResult[ExtractionResult[Any]], None]: ...

    def extract_many(
        self,
        schema: Any,
        items: Iterable[str | Mapping[str, Any]],
        *,
        model: str,
        in_flight: int = batches.IN_FLIGHT,
        run: str | None = None,
        **fields: Unpack[ExtractFields],
    ) -> AsyncGenerator[BatchResult[Any], None]:
        """Draw a value out of each of many texts, at most `in_flight` at a time. The results come in order.

        Args:
            schema: as of `extract`.
            items: texts, or dicts with `prompt`, the other fields that differ, and optionally a `custom_id`. They are
                read as needed.
            model: of the items that name none.
            in_flight: the number of jobs at a time, with those whose results wait for their turn.
            run: a name for the run. The same items under the same name are the same jobs while those are kept, so
                nothing is done twice after an interruption.
            **fields: as of `extract`, for all items.

        Raises:
            InvalidRequest: the schema is not usable. The error of a single item is in its result.
        """
        items_ = batches.parse_extractions(model, self._preparation.build_schema(schema), items, run, fields, schema)
        return batch.run(self, Window(items_, in_flight, ordered=True))

    @overload
    def batch(
        self,
        items: Iterable[GenerateRequest],
        *,
        in_flight: int = batches.IN_FLIGHT,
        ordered: bool = False,
        run: str | None = None,
    ) -> AsyncGenerator[BatchResult[TextResult], None]: ...

    @overload
    def batch(
        self,
        items: Iterable[ChatRequest],
        *,
        in_flight: int = batches.IN_FLIGHT,
        ordered: bool = False,
        run: str | None = None,
    ) -> AsyncGenerator[BatchResult[ChatResult], None]: ...

    @overload
    def batch(
        self,
        items: Iterable[EmbeddingRequest],
        *,
        in_flight: int = batches.IN_FLIGHT,
        ordered: bool = False,
        run: str | None = None,
    ) -> AsyncGenerator[BatchResult[EmbeddingResult], None]: ...

    @overload
    def batch(
        self,
        items: Iterable[AnyRequest | Mapping[str, Any]],
        *,
        in_flight: int = batches.IN_FLIGHT,
        ordered: bool = False,
        run: str | None = None,
    ) -> AsyncGenerator[BatchResult, None]: ...

    def batch(
        self,
        items: Iterable[AnyRequest | Mapping[str, Any]],
        *,
        in_flight: int = batches.IN_FLIGHT,
        ordered: bool = False,
        run: str | None = None,
    ) -> AsyncGenerator[BatchResult[Any], None]:
        """Run many requests of any kind in the lane `batch`, at most `in_flight` at a time. Results come as jobs end.

        Args:
            items: `{"custom_id": ..., "kind": ..., "request": {...}}`, or what `submit` takes. They are read as needed.
            in_flight: the number of jobs at a time.
            ordered: whether the results come in the order of the items.
            run: as of `extract_many`. Each item needs a `custom_id`, or the items the same order.

        Raises:
            InvalidRequest: an item is no request at all. The error of a single request is in its result.
        """
        return batch.run(self, Window(batches.parse_items(items, run), in_flight, ordered=ordered))

    async def embed(
        self,
        model: str,
        input: str | list[str],  # noqa: A002 - Ollama's name
        **fields: Unpack[EmbeddingFields],
    ) -> AsyncJob[EmbeddingResult]:
        """Vectors for one text or a list of them, in their order: up to 50,000 texts, 10 million characters together.

        `dimensions` keeps so many numbers of each vector; with `truncate=True` too long a text is cut, which otherwise
        fails the job. A long list is embedded in batches, with a `progress` event `embedding` after each.
        """
        return await self._ask("embedding", {"model": model, "input": input, **fields})

    async def _ask(
        self, kind: Kind, fields: Mapping[str, Any], images: Sequence[ImageSource] | None = None
    ) -> AsyncJob[Any]:
        return await self._submit(await io.run_preparation(self._preparation.prepare, kind, fields, images))
