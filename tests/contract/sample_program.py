"""A user's program, to be type-checked against the installed wheel: every verb, sync and async, and what it gives."""

from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, assert_type

from pydantic import BaseModel, TypeAdapter

from llamaq import (
    AsyncConversation,
    AsyncJob,
    AsyncJobQueue,
    BatchResult,
    ChatRequest,
    ChatResult,
    Conversation,
    ConversationBusy,
    ConversationInfo,
    ConversationSettings,
    EmbeddingRequest,
    EmbeddingResult,
    ErrorInfo,
    Event,
    ExtractionResult,
    GenerateRequest,
    HostStatus,
    InvalidRequest,
    Job,
    JobFailed,
    JobPage,
    JobQueue,
    JobStatus,
    KeptMessage,
    Limits,
    LoadResult,
    Message,
    MessageDict,
    ModelStatus,
    Options,
    OptionsDict,
    PullResult,
    QueueFull,
    Restarted,
    StreamRestarted,
    TextResult,
    UnknownModel,
    UnloadResult,
)


class Book(BaseModel):
    title: str


def verbs(queue: JobQueue) -> None:
    generated = queue.generate("m", "x", system="s", priority="interactive", start_within=30, options=Options(seed=1))
    assert_type(generated, Job[TextResult])
    assert_type(generated.id, str)
    assert_type(generated.result(timeout=60).text, str)
    assert_type(generated.result().usage.output_tokens, int | None)
    assert_type(generated.text(), Generator[str | Restarted, None, None])
    assert_type(generated.text(on_restart="raise"), Generator[str, None, None])
    assert_type(generated.events(after="1-1"), Generator[Event, None, None])
    assert_type(generated.status(), JobStatus)
    assert_type(generated.cancel("enough"), bool)

    chat = queue.chat("m", messages=[{"role": "user", "content": "x"}, Message(role="user", content="y")], tools=[{}])
    assert_type(chat, Job[ChatResult])
    assert_type(chat.result().message.content, str)
    assert_type(queue.chat("m", conversation="c", message="x", think="low"), Job[ChatResult])
    talk = queue.conversation("user-17", tenant="t")
    assert_type(talk, Conversation)
    assert_type(talk.send([{"role": "tool", "content": "x"}], when_busy="interrupt"), Job[ChatResult])
    talk.set(model="m", system=None, ttl=60)
    assert_type(talk.settings(), ConversationSettings)
    assert_type(talk.history(), list[KeptMessage])
    assert_type(talk.fork("other", at=1), Conversation)
    talk.edit(1, "x", role="assistant")
    talk.delete(after=1)
    assert_type(queue.conversations(limit=5), list[ConversationInfo])
    assert_type(queue.chat(conversation="c", message="x").result().history_dropped, int)
    assert_type(queue.multimodal("m", "x", images=[Path("a.png"), b"", "aGk="], metadata={"a": "b"}), Job[Any])

    extracted = queue.extract("m", "x", schema=Book)
    assert_type(extracted, Job[ExtractionResult[Book]])
    assert_type(extracted.result().value, Book)
    assert_type(queue.extract("m", "x", schema={"type": "object"}), Job[ExtractionResult[Any]])
    assert_type(queue.extract("m", "x", schema=list[Book]).result().value, list[Book])
    assert_type(extracted.result().parse(Book), Book)
    assert_type(extracted.result().parse(TypeAdapter(list[Book])), list[Book])
    assert_type(extracted.partials(Book), Generator[Book, None, None])
    many = queue.extract_many(Book, ["x", {"prompt": "y"}], model="m", in_flight=2, run="r", repairs=1)
    assert_type(many, Generator[BatchResult[ExtractionResult[Book]], None, None])
    requests = [GenerateRequest(model="m", prompt="x")]
    assert_type(queue.batch(requests), Generator[BatchResult[TextResult], None, None])
    assert_type(next(many).parse(Book), Book)
    assert_type(queue.batch([{"kind": "generate"}], ordered=True), Generator[BatchResult, None, None])
    assert_type(queue.embed("m", ["a", "b"], tenant="t"), Job[EmbeddingResult])

    assert_type(queue.submit({"kind": "generate", "model": "m", "prompt": "x"}, job_id="id"), Job[Any])
    assert_type(queue.submit_many([GenerateRequest(model="m", prompt="x"), {"kind": "chat"}]), list[Job[Any]])
    assert_type(queue.job("id"), Job[Any])
    assert_type(queue.jobs(limit=5, state=["queued", "running"], tenant="t"), JobPage)
    assert_type(queue.models(), list[ModelStatus])
    assert_type(queue.hosts(), list[HostStatus])


def dicts(queue: JobQueue) -> None:
    """What an editor completes: options, messages and webhooks are typed also as dicts."""
    options: OptionsDict = {"temperature": 0, "num_ctx": 8192, "stop": ["END"], "seed": None}
    history: list[MessageDict] = [{"role": "user", "content": "x", "images": [b"", Path("a.png"), "aGk="]}]
    answer = queue.chat("m", history, options={**options, "num_predict": 5}).result().message
    history.append({"role": "assistant", "content": answer.content, "tool_calls": answer.tool_calls})
    history.append({"role": "tool", "tool_name": "t", "content": None})
    queue.chat("m", [*history, answer, Message(role="user", content="z")], notify={"url": "https://x.example/hook"})
    queue.multimodal("m", messages=history, notify={"url": "https://x.example", "events": ["failed"]})
    queue.load("m", options={"num_ctx": 4096})
    talk = queue.conversation("c")
    talk.set(options={"temperature": 0.5})
    talk.send(history, options=Options(top_k=5))
    talk.send({"role": "user", "content": "x"})


def mistakes(queue: JobQueue) -> None:
    """Each of these is an error of a type checker; where it is none, the comment is one."""
    queue.generate("m", "x", options={"temprature": 1})  # type: ignore[arg-type]
    queue.generate("m", "x", options={"top_k": "many"})  # type: ignore[arg-type]
    queue.generate("m", "x", temperature=1)  # type: ignore[call-arg]
    queue.embed("m", "x", system="s")  # type: ignore[call-arg]
    queue.load("m", options={"temprature": 1})  # type: ignore[arg-type]
    queue.conversation("c").set(options={"temprature": 1})  # type: ignore[arg-type]
    queue.chat("m", [{"role": "user", "contnet": "x"}])  # type: ignore[list-item]
    queue.chat("m", [{"content": "x"}])  # type: ignore[list-item]
    queue.chat("m", "hi")  # type: ignore[arg-type]
    queue.generate("m", "x", notify={"events": ["failed"]})  # type: ignore[arg-type]
    queue.generate("m", "x", notify={"url": "x", "events": ["ended"]})  # type: ignore[arg-type]
    queue.generate("m", "x", priority="high")  # type: ignore[arg-type]


class Chapter(TypedDict):
    title: str
    pages: int


@dataclass
class Author:
    name: str


def typed_values(queue: JobQueue) -> None:
    """The value of an extraction is of the type that was asked for, whichever way it is asked."""
    assert_type(queue.extract("m", "x", schema=Author).result().value, Author)
    assert_type(queue.extract("m", "x", schema=Chapter).result().value["pages"], int)
    assert_type(queue.extract("m", "x", schema=TypeAdapter(list[Chapter])).result().value, list[Chapter])
    assert_type(queue.extract("m", "x", schema=dict[str, Book], images=[b""]).result().value, dict[str, Book])
    for row in queue.extract_many(Author, ["x"], model="m"):
        assert_type(row.result, ExtractionResult[Author] | None)
        assert_type(row.error, ErrorInfo | None)
        assert_type(row.parse(Author), Author)
    for chat in queue.batch([ChatRequest(model="m", messages=[Message(role="user", content="x")])]):
        assert_type(chat.result, ChatResult | None)
    for vectors in queue.batch([EmbeddingRequest(model="m", input=["x"])], ordered=True):
        assert_type(vectors.result, EmbeddingResult | None)


def making() -> JobQueue:
    with JobQueue("redis://127.0.0.1:6379/0", prefix="p", limits=Limits(prompt_chars=5)) as queue:
        assert_type(queue, JobQueue)
    return JobQueue.from_env({"LLAMAQ_PREFIX": "p"})


def errors(queue: JobQueue) -> None:
    try:
        queue.generate("m", "x").result()
    except QueueFull as full:
        assert_type(full.retry_after, float)
    except InvalidRequest as invalid:
        assert_type([problem.field for problem in invalid.problems], list[str])
    except ConversationBusy as busy:
        assert_type(busy.job_id, str | None)
    except UnknownModel as unknown:
        assert_type(unknown.near, tuple[str, ...])
    except JobFailed as failed:
        assert_type(failed.error, ErrorInfo)
        assert_type(failed.code, str)
    except StreamRestarted as restarted:
        assert_type(restarted.cursor, str)


def reading(events: Generator[Event, None, None]) -> None:
    for event in events:
        assert_type(event.cursor, str)
        match event.type:
            case "queued":
                assert_type(event.position, int | None)
            case "started":
                assert_type(event.host, str)
            case "delta":
                assert_type(event.text, str | None)
            case "retrying" | "failed":
                assert_type(event.error, ErrorInfo)
            case "completed":
                assert_type(
                    event.result,
                    TextResult
                    | ChatResult
                    | ExtractionResult
                    | EmbeddingResult
                    | PullResult
                    | UnloadResult
                    | LoadResult,
                )
            case "cancelled" | "expired":
                assert_type(event.reason, str)
            case "progress":
                assert_type(event.stage, str)


async def awaited() -> None:
    async with AsyncJobQueue.from_env() as queue:
        assert_type(queue, AsyncJobQueue)
        generated = await queue.generate("m", "x", deadline=5)
        assert_type(generated, AsyncJob[TextResult])
        assert_type((await generated.result(timeout=60)).text, str)
        assert_type(generated.text(), AsyncGenerator[str | Restarted, None])
        assert_type(generated.events(), AsyncGenerator[Event, None])
        assert_type(await generated.status(), JobStatus)
        assert_type(await generated.cancel(), bool)
        assert_type(await queue.chat("m", conversation="c", message="x"), AsyncJob[ChatResult])
        talk = queue.conversation("user-17")
        assert_type(talk, AsyncConversation)
        assert_type(await talk.send("x", model="m"), AsyncJob[ChatResult])
        assert_type(await talk.fork("other"), AsyncConversation)
        assert_type(await talk.history(), list[KeptMessage])
        assert_type(await queue.conversations(), list[ConversationInfo])
        assert_type(await queue.multimodal("m", "x", images=[b""]), AsyncJob[Any])
        assert_type((await (await queue.extract("m", "x", schema=Book)).result()).parse(Book), Book)
        assert_type((await queue.extract("m", "x", schema=Book)).partials(Book), AsyncGenerator[Book, None])
        many = queue.extract_many(Book, ["x"], model="m")
        assert_type(many, AsyncGenerator[BatchResult[ExtractionResult[Book]], None])
        assert_type(queue.batch([{"kind": "chat"}]), AsyncGenerator[BatchResult, None])
        assert_type(await queue.embed("m", "a"), AsyncJob[EmbeddingResult])
        assert_type(await queue.submit(GenerateRequest(model="m", prompt="x")), AsyncJob[Any])
        assert_type(await queue.submit_many([]), list[AsyncJob[Any]])
        assert_type(queue.job("id"), AsyncJob[Any])
        assert_type(await queue.jobs(), JobPage)
        assert_type(await queue.models(), list[ModelStatus])
        assert_type(await queue.hosts(), list[HostStatus])
