"""Translates OpenAI's messages into those of a chat job, which are Ollama's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import model_validator

from gateway.openai.parameters import only, parameter_path, unsupported
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.wire import JsonObject, Strict

Role = Literal["system", "developer", "user", "assistant", "tool", "function"]
_ROLES = {"developer": "system", "function": "tool"}
_NO_AUDIO = "Ollama has no audio; leave it out"


class CalledFunction(Strict, extra="ignore"):
    """The function of a call, with its arguments as a text of JSON. The queue checks the text."""

    name: str
    arguments: str | JsonObject = ""


class Call(Strict, extra="ignore"):
    """One call of an assistant's message."""

    id: str | None = None
    type: Annotated[str, only("function", reason="Ollama calls functions alone")] = "function"
    function: CalledFunction


class Message(Strict):
    """A message of any role.

    An assistant's is an earlier answer handed back, of whatever server. What is unknown in it is dropped, such as the
    `parsed` that a client has added; in any other message it is refused.
    """

    role: Role
    content: Any = None
    name: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    annotations: list[Any] | None = None
    audio: Annotated[Any, only(reason=_NO_AUDIO)] = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None
    function_call: CalledFunction | None = None

    @model_validator(mode="before")
    @classmethod
    def _drop_unknown(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or given.get("role") != "assistant":
            return given
        return {name: value for name, value in given.items() if name in cls.model_fields}


@dataclass(slots=True)
class TranslatedMessages:
    """The messages of a job, and where in the request each comes from.

    Attributes:
        messages: of the job.
        places: the index in the request of each; None for one that is added here.
        images: the parameter of each image, by its message's index in the request and its own (`0.images.1`).
    """

    messages: list[dict[str, Any]] = field(default_factory=list)
    places: list[int | None] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)

    def add_instruction(self, text: str) -> None:
        """Add an instruction to the system's message, or make one."""
        if self.messages and self.messages[0]["role"] == "system":
            first = self.messages[0]
            self.messages[0] = {**first, "content": f"{first['content']}\n\n{text}"}
            return
        self.messages.insert(0, {"role": "system", "content": text})
        self.places.insert(0, None)

    def parameter(self, job_field: str) -> str:
        """The parameter behind a field of the job: `messages.1.content` may be `messages[2].content`."""
        parts = job_field.split(".")
        if len(parts) == 1:
            return job_field
        place = self.places[int(parts[1])]
        if place is None:
            return "messages"
        inner = ".".join((str(place), *parts[2:]))
        return self.images.get(inner) or parameter_path(f"messages.{inner}")


def translate_messages(given: Sequence[Message]) -> TranslatedMessages:
    """Translate the messages for a job.

    The texts of a message's parts are joined by a line break. Results of tools get the names of their tools, and the
    order of the calls, because a model's template may have no ids.

    Raises:
        InvalidRequest: names the part that Ollama cannot take.
    """
    found = TranslatedMessages()
    names: dict[str, str] = {}
    for index, message in enumerate(given):
        where = f"messages[{index}]"
        texts, images = _read_content(message, f"{where}.content")
        found.images |= {f"{index}.images.{number}": param for number, (_, param) in enumerate(images)}
        made: dict[str, Any] = {"role": _ROLES.get(message.role, message.role), "content": "\n".join(texts)}
        if images:
            made["images"] = [url for url, _ in images]
        if thinking := message.reasoning or message.reasoning_content:
            made["thinking"] = thinking
        if calls := _translate_calls(message, index):
            made["tool_calls"] = calls
            names |= {call["id"]: call["function"]["name"] for call in calls if "id" in call}
        made |= _tool_fields(message, names)
        found.messages.append(made)
        found.places.append(index)
    _order_results(found)
    return found


def _translate_calls(message: Message, index: int) -> list[dict[str, Any]]:
    calls = [
        {"id": call.id, "function": call.function.model_dump()} if call.id else {"function": call.function.model_dump()}
        for call in message.tool_calls or ()
    ]
    if message.function_call is not None:
        calls.append({"id": f"call_{index}", "function": message.function_call.model_dump()})
    return calls


def _tool_fields(message: Message, names: Mapping[str, str]) -> dict[str, str]:
    if message.role not in {"tool", "function"}:
        return {}
    name = message.name or names.get(message.tool_call_id or "")
    given = {"tool_name": name, "tool_call_id": message.tool_call_id}
    return {key: value for key, value in given.items() if value}


def _read_content(message: Message, where: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Read the texts, and the images with their parameters."""
    content = message.content
    if isinstance(content, str):
        return [content], []
    if isinstance(content, list):
        return _read_parts(content, where)
    if content is None and message.role == "assistant":
        return [message.refusal or ""], []
    expected = "it is missing" if content is None else "give a text, or a list of parts"
    raise InvalidRequest.of(where, expected, "missing_required_parameter" if content is None else "invalid_type")


def _read_parts(content: list[Any], where: str) -> tuple[list[str], list[tuple[str, str]]]:
    texts: list[str] = []
    images: list[tuple[str, str]] = []
    for number, part in enumerate(content):
        at = f"{where}[{number}]"
        if not isinstance(part, Mapping):
            raise InvalidRequest.of(at, 'give an object with a `type`, such as {"type": "text"}', "invalid_type")
        match part.get("type"):
            case "text" | "refusal" as kind:
                _refuse_unknown(part, {kind}, at)
                texts.append(_require_text(part.get(kind), f"{at}.{kind}"))
            case "image_url":
                _refuse_unknown(part, {"image_url"}, at)
                images.append(_read_image(part.get("image_url"), f"{at}.image_url"))
            case str() as kind:
                raise unsupported(f"{at}.type", f"Ollama takes the types text and image_url, not {kind[:40]!r}")
            case _:
                raise InvalidRequest.of(f"{at}.type", "it is missing", "missing_required_parameter")
    return texts, images


def _refuse_unknown(part: Mapping[str, Any], names: set[str], where: str) -> None:
    """Refuse members that are not known. A breakpoint of OpenAI's cache changes no answer."""
    for name, value in part.items():
        if name not in names | {"type", "prompt_cache_breakpoint"} and value is not None:
            raise unsupported(f"{where}.{str(name)[:100]}", "this server does not know it")


def _require_text(value: Any, where: str) -> str:
    if isinstance(value, str):
        return value
    raise InvalidRequest.of(where, "give a text", "invalid_type")


def _read_image(value: Any, where: str) -> tuple[str, str]:
    url, param = value, where
    if isinstance(value, Mapping):
        _refuse_unknown(value, {"url", "detail"}, where)  # an image is given whole, whatever `detail` says
        url, param = value.get("url"), f"{where}.url"
    text = _require_text(url, param)
    # Other texts could name an image that another request has stored.
    if not text.lstrip()[:5].lower().startswith("data:"):
        raise unsupported(param, "an image has to be in the request, as a data: URL with base64; no URL is fetched")
    return text, param


def _order_results(found: TranslatedMessages) -> None:
    """Bring results that follow their calls into the order of the calls, where each names a call of its own."""
    for at, message in enumerate(found.messages):
        order = [call.get("id") for call in message.get("tool_calls", ())]
        end = at + 1
        while order and end < len(found.messages) and found.messages[end]["role"] == "tool":
            end += 1
        ids = [each.get("tool_call_id") for each in found.messages[at + 1 : end]]
        if len(ids) < 2 or len(set(ids)) < len(ids) or len(set(order)) < len(order) or not set(ids) <= set(order):
            continue
        ranks = sorted(range(len(ids)), key=lambda number: order.index(ids[number]))
        found.messages[at + 1 : end] = [found.messages[at + 1 + rank] for rank in ranks]
        found.places[at + 1 : end] = [found.places[at + 1 + rank] for rank in ranks]
