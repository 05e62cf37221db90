"""What a request asks for, and the note: what is kept of the request with its job, so that any process can answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from gateway.http.json_body import json_value
from gateway.openai.chat import read_chat
from gateway.openai.chat_answer import ChatForm
from gateway.openai.parameters import named, read
from gateway.responses.input_items import TYPES
from gateway.responses.items import Translated, translated
from gateway.responses.parameters import ENCRYPTED, REFUSED, Response, parameter
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.wire import JsonObject, Strict, dumps

VERSION = 1
"""The version of the note."""


@dataclass(frozen=True, slots=True)
class History:
    """What was said before, as messages of a chat completion.

    Attributes:
        images: by the index of a message, the references of its images, which an earlier job has stored.
    """

    messages: Sequence[JsonObject] = ()
    images: Mapping[int, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for.

    Attributes:
        given: its parameters.
        job: what `submit` takes, with the note.
        parameter: the parameter behind a field of the job.
    """

    given: Response
    job: Mapping[str, Any]
    parameter: Callable[[str], str]

    def named(self, error: InvalidRequest) -> InvalidRequest:
        """A refusal of the job, with the parameters' names in place of those of the job's fields."""
        return named(error, self.parameter)


class _Note(Strict):
    response: Literal[1]
    parameters: Response
    items: list[JsonObject]
    lead: Annotated[int, Field(ge=0)]

    @field_validator("items")
    @classmethod
    def _have_types(cls, items: list[JsonObject]) -> list[JsonObject]:
        if any(item.get("type") not in TYPES for item in items):
            raise ValueError(f"each has one of the types {', '.join(TYPES)}")
        return items


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a request.

    Attributes:
        given: its parameters, without the input.
        items: of the input.
        lead: the number of messages of the job ahead of the history: the instructions.
        form: of the answer: which function is forced, what it has to be valid for.
    """

    given: Response
    items: Sequence[JsonObject]
    lead: int
    form: ChatForm

    @property
    def encrypted(self) -> bool:
        """Whether the items of thinking have their text in `encrypted_content` too."""
        return ENCRYPTED in self.given.include


def parameters(body: Any) -> Response:
    """The parameters in a body.

    Raises:
        InvalidRequest: names the one that is wrong, or that Ollama cannot do.
    """
    given = read(Response, body, REFUSED)
    given.check()
    return given


def asked(given: Response, history: History) -> Asked:
    """The job that answers the input behind a history.

    Raises:
        InvalidRequest: names the parameter that is wrong, or that Ollama cannot do.
    """
    new = translated(given.input)
    lead = [{"role": "system", "content": given.instructions}] if given.instructions else []
    name = _naming(len(lead), len(history.messages), new)
    try:
        chat = read_chat(given.chat([*lead, *history.messages, *new.messages]))
    except InvalidRequest as error:
        raise named(error, name) from error
    job = {key: value for key, value in chat.job.items() if key != "stream"}
    ahead = len(job["messages"]) - len(history.messages) - len(new.messages)
    for index, images in history.images.items():
        job["messages"][ahead + index]["images"] = images
    if given.truncation == "auto":
        job["truncate"] = True
    return Asked(given, job | {"note": _note(given, new, ahead)}, lambda job_field: name(chat.parameter(job_field)))


def _note(given: Response, new: Translated, lead: int) -> str:
    body = given.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"input", "client_metadata"})
    return dumps({"response": VERSION, "parameters": body, "items": new.items, "lead": lead})


def kept(note: str) -> Kept | None:
    """What a note keeps; None where it is not that of a response: any producer may keep any text with its job."""
    try:
        found = _Note.model_validate(json_value(note))
        form = read_chat(found.parameters.chat([{"role": "user", "content": ""}])).form
    except (ValueError, InvalidRequest):
        return None
    assert isinstance(form, ChatForm)  # noqa: S101 - `read_chat` makes no other
    return Kept(found.parameters, found.items, found.lead, form)


def _naming(lead: int, before: int, new: Translated) -> Callable[[str], str]:
    def name(chat: str) -> str:
        if chat == "messages":
            return "input"
        if not chat.startswith("messages["):
            return parameter(chat)
        index, _, rest = chat.removeprefix("messages[").partition("]")
        place = int(index) - lead
        if place < before:
            return "instructions" if place < 0 else "previous_response_id"
        return new.parameter(place - before, rest)

    return name
