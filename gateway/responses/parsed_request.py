"""What a request asks for: a chat job that answers the input behind a history, with the note of the request."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.openai.chat import read_chat
from gateway.openai.parameters import name_parameters, read_parameters
from gateway.responses.items import TranslatedInput, translate_input
from gateway.responses.note import write_note
from gateway.responses.parameters import REFUSED, Response, parameter_of
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.wire import JsonObject


@dataclass(frozen=True, slots=True)
class History:
    """What was said before, as messages of a chat completion.

    Attributes:
        images: by the index of a message, the references of its images, which an earlier job has stored.
    """

    messages: Sequence[JsonObject] = ()
    images: Mapping[int, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """What a request asks for.

    Attributes:
        given: its parameters.
        job: what `submit` takes, with the note.
        parameter: the parameter behind a field of the job.
    """

    given: Response
    job: Mapping[str, Any]
    parameter: Callable[[str], str]

    def name_parameters(self, error: InvalidRequest) -> InvalidRequest:
        """Translate a refusal of the job: parameters' names in place of those of the job's fields."""
        return name_parameters(error, self.parameter)


def read_request(body: Any) -> Response:
    """Read the parameters in a body.

    Raises:
        InvalidRequest: names the one that is wrong, or that Ollama cannot do.
    """
    given = read_parameters(Response, body, REFUSED)
    given.check()
    return given


def parse_request(given: Response, history: History) -> ParsedRequest:
    """Make the job that answers the input behind a history.

    Raises:
        InvalidRequest: names the parameter that is wrong, or that Ollama cannot do.
    """
    new = translate_input(given.input)
    lead = [{"role": "system", "content": given.instructions}] if given.instructions else []
    name = _parameter_resolver(len(lead), len(history.messages), new)
    try:
        chat = read_chat(given.to_chat([*lead, *history.messages, *new.messages]))
    except InvalidRequest as error:
        raise name_parameters(error, name) from error
    job = {key: value for key, value in chat.job.items() if key != "stream"}
    ahead = len(job["messages"]) - len(history.messages) - len(new.messages)
    for index, images in history.images.items():
        job["messages"][ahead + index]["images"] = images
    if given.truncation == "auto":
        job["truncate"] = True
    return ParsedRequest(
        given, job | {"note": write_note(given, new, ahead)}, lambda job_field: name(chat.parameter(job_field))
    )


def _parameter_resolver(lead: int, before: int, new: TranslatedInput) -> Callable[[str], str]:
    def name(chat: str) -> str:
        if chat == "messages":
            return "input"
        if not chat.startswith("messages["):
            return parameter_of(chat)
        index, _, rest = chat.removeprefix("messages[").partition("]")
        place = int(index) - lead
        if place < before:
            return "instructions" if place < 0 else "previous_response_id"
        return new.parameter(place - before, rest)

    return name
