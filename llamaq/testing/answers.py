"""What a scripted answer is as the result of a job, without any I/O."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from llamaq.vocabulary.conversations import new_messages
from llamaq.vocabulary.errors import JobFailed
from llamaq.vocabulary.kinds.chat import ChatRequest
from llamaq.vocabulary.kinds.embedding import EmbeddingRequest
from llamaq.vocabulary.kinds.extraction import ExtractionRequest
from llamaq.vocabulary.kinds.multimodal import MultimodalRequest
from llamaq.vocabulary.requests import AnyRequest
from llamaq.vocabulary.results import ErrorInfo
from llamaq.vocabulary.wire import JsonObject, dumps

Value: TypeAlias = "str | Mapping[str, Any] | Sequence[Any] | BaseModel | Exception"
"""A text; a message with `tool_calls`; a value of an extraction; vectors; or `failed(...)`."""
Answer: TypeAlias = "Value | Callable[[AnyRequest], Value]"
HOST_JOBS = {"pull": "pulled", "unload": "unloaded", "load": "loaded"}


def failed(code: str, message: str = "", *, retryable: bool = False) -> JobFailed:
    """An answer by which the job fails: `fake.answer(failed("timed_out"))`."""
    return JobFailed("", ErrorInfo(code=code, message=message or code, retryable=retryable))


def default_answer(request: AnyRequest) -> Value:
    """The answer of a job for which none was given.

    Raises:
        LookupError: none can be made up, because it has to be valid for a schema.
    """
    if isinstance(request, EmbeddingRequest):
        return [[1.0, 0.0, 0.0] for _ in ([request.input] if isinstance(request.input, str) else request.input)]
    if isinstance(request, ExtractionRequest):
        raise LookupError("an extraction needs a value: fake.answer({...})")  # noqa: TRY004 - nothing has a wrong type
    return "answer"


def text_of(request: AnyRequest, value: Any) -> str:
    """What the model has said, for the `delta` events."""
    if isinstance(request, ExtractionRequest):
        return dumps(to_jsonable_python(value))
    return value if isinstance(value, str) else str(value.get("content") or "") if isinstance(value, Mapping) else ""


def split_words(text: str) -> list[str]:
    """Split a text into its words, each with the blanks behind it: they join to the text."""
    return re.findall(r"\s*\S+\s*|\s+", text)


def result_of(request: AnyRequest, value: Any) -> JsonObject:
    """The fields of the kind's own result.

    Raises:
        Exception: the one that the test gave as the answer.
        TypeError: the value is none of the kind.
    """
    if isinstance(value, Exception):
        raise value
    if request.kind in HOST_JOBS:
        return {HOST_JOBS[request.kind]: request.model}
    if isinstance(request, ExtractionRequest):
        return {"value": to_jsonable_python(value)}
    if isinstance(request, EmbeddingRequest):
        if isinstance(value, str | Mapping):
            raise TypeError(f"an answer of the kind embedding is a list of vectors, not {type(value).__name__}")
        return {"embeddings": to_jsonable_python(value)}
    if not isinstance(value, str | Mapping):
        raise TypeError(f"an answer of the kind {request.kind} is a text or a message, not {type(value).__name__}")
    if isinstance(request, ChatRequest) or (isinstance(request, MultimodalRequest) and request.messages is not None):
        given = {"content": value} if isinstance(value, str) else value
        said = {name: each for name, each in given.items() if each is not None}
        return {"message": {"role": "assistant", "content": "", **said}}
    return {"text": text_of(request, value)}


def turn_of(job_id: str, request: AnyRequest, result: JsonObject) -> tuple[JsonObject, ...]:
    """The messages that a kept conversation gains."""
    if not isinstance(request, ChatRequest) or request.conversation is None:
        return ()
    return tuple({**message, "job": job_id} for message in (*new_messages(request), result["message"]))
