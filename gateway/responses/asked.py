"""What a request asks for, and what is kept of it with its job: the note, from which any process makes the answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from gateway.openai.chat import read_chat
from gateway.openai.chat_answer import ChatForm
from gateway.openai.parameters import named, read
from gateway.responses.items import Translated, translated
from gateway.responses.parameters import ENCRYPTED, REFUSED, Response, parameter
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.wire import JsonObject, dumps

VERSION = 1
"""Of the note."""


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


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a request.

    Attributes:
        given: its parameters, without the input.
        items: of the input.
        lead: the number of messages of the job ahead of the history: the instructions.
    """

    given: Response
    items: Sequence[JsonObject]
    lead: int

    @property
    def form(self) -> ChatForm:
        """The form of the answer: which function is forced, what it has to be valid for."""
        form = read_chat(self.given.chat([{"role": "user", "content": ""}])).form
        assert isinstance(form, ChatForm)  # noqa: S101 - `read_chat` makes no other
        return form

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
    body = given.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"input"})
    return dumps({"response": VERSION, "parameters": body, "items": new.items, "lead": lead})


def kept(note: str) -> Kept | None:
    """What a note keeps; None where it is not that of a response."""
    try:
        found = from_json(note) if note else None
        if not isinstance(found, dict) or found.get("response") != VERSION:
            return None
        return Kept(Response.model_validate(found["parameters"]), found["items"], found["lead"])
    except (ValueError, KeyError, ValidationError):  # another producer's note
        return None


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
