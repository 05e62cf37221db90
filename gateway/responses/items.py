"""Translates the items of an input into the messages of a chat completion."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.openai.parameters import unsupported
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.wire import JsonObject

_MESSAGES = {"system", "developer", "user", "assistant"}


@dataclass(slots=True)
class Translated:
    """The messages of an input, and where each comes from.

    Attributes:
        messages: of the chat completion.
        items: the input as items, each with its type, without the bytes of images.
    """

    messages: list[JsonObject] = field(default_factory=list)
    items: list[JsonObject] = field(default_factory=list)
    _places: list[str] = field(default_factory=list)
    _calls: dict[tuple[int, int], str] = field(default_factory=dict)
    _thinking: str = ""

    def parameter(self, index: int, rest: str) -> str:
        """The parameter behind a part of a message: `.content[0].text`, `.tool_calls[1].function.arguments`."""
        if rest.startswith(".tool_calls["):
            number, _, inner = rest.removeprefix(".tool_calls[").partition("]")
            place = self._calls.get((index, int(number)), self._places[index])
            return place + inner.removeprefix(".function")
        place = self._places[index]
        for chat, own in ((".image_url.url", ".image_url"), (".content", ".output")):
            if chat == ".content" and self.messages[index]["role"] != "tool":
                continue
            rest = rest.replace(chat, own, 1)
        return place + rest

    def add(self, item: Any, where: str) -> None:
        """Add one item.

        Raises:
            InvalidRequest: names what is wrong with it.
        """
        if not isinstance(item, Mapping):
            raise InvalidRequest.of(where, 'give an object, such as {"role": "user", "content": "..."}', "invalid_type")
        kind = item.get("type") or ("message" if "role" in item else None)
        match kind:
            case "message":
                self._message(item, where)
            case "function_call":
                self._call(item, where)
            case "function_call_output":
                content, kept = _content(_required(item, "output", where), f"{where}.output")
                call = _text(item, "call_id", where)
                self._say({"role": "tool", "content": content, "tool_call_id": call}, where)
                self.items.append({**_plain(item), "type": kind, "output": kept})
            case "reasoning":
                self._thinking = _joined(self._thinking, _thought(item))
                self.items.append({**_plain(item), "type": kind})
            case str():
                raise unsupported(f"{where}.type", f"Ollama has no items of the type {kind[:60]!r}")
            case _:
                raise InvalidRequest.of(f"{where}.type", "it is missing", "missing_required_parameter")

    def finish(self) -> None:
        """Add what is left at the end of the input: thinking without an answer."""
        if self._thinking:
            self._say({"role": "assistant", "content": ""}, "input")

    def _message(self, item: Mapping[str, Any], where: str) -> None:
        role = _text(item, "role", where)
        if role not in _MESSAGES:
            raise InvalidRequest.of(f"{where}.role", f"give one of {', '.join(sorted(_MESSAGES))}", "invalid_value")
        content, kept = _content(_required(item, "content", where), f"{where}.content")
        self._say({"role": role, "content": content}, where)
        self.items.append({**_plain(item), "type": "message", "content": _as_parts(kept, role)})

    def _call(self, item: Mapping[str, Any], where: str) -> None:
        called = {"name": _text(item, "name", where), "arguments": _required(item, "arguments", where)}
        call = {"id": _text(item, "call_id", where), "type": "function", "function": called}
        if not self.messages or self.messages[-1]["role"] != "assistant":
            self._say({"role": "assistant", "content": ""}, where)
        calls = self.messages[-1].setdefault("tool_calls", [])
        self._calls[len(self.messages) - 1, len(calls)] = where
        calls.append(call)
        self._think(self.messages[-1])
        self.items.append({**_plain(item), "type": "function_call"})

    def _say(self, message: JsonObject, where: str) -> None:
        if message["role"] == "assistant":
            self._think(message)
        self.messages.append(message)
        self._places.append(where)

    def _think(self, message: JsonObject) -> None:
        """Give an answer the thinking ahead of it. It may have some already: one that thinks again before it calls."""
        if self._thinking:
            message["reasoning"], self._thinking = _joined(message.get("reasoning", ""), self._thinking), ""


def translated(given: Any) -> Translated:
    """The messages of an input: a text, or a list of items.

    Raises:
        InvalidRequest: names what is wrong with it.
    """
    found = Translated()
    match given:
        case str():
            found.add({"role": "user", "content": given}, "input")
        case [_, *_]:
            for number, item in enumerate(given):
                found.add(item, f"input[{number}]")
            found.finish()
        case None:
            raise InvalidRequest.of("input", "it is missing", "missing_required_parameter")
        case _:
            raise InvalidRequest.of("input", "give a text, or a list of items", "invalid_type")
    return found


def _content(given: Any, where: str) -> tuple[Any, Any]:
    """Content as chat completions have it, and as it is kept."""
    if isinstance(given, str):
        return given, given
    if not isinstance(given, list):
        raise InvalidRequest.of(where, "give a text, or a list of parts", "invalid_type")
    parts = [_part(part, f"{where}[{number}]") for number, part in enumerate(given)]
    return [part for part, _ in parts], [kept for _, kept in parts]


def _part(part: Any, where: str) -> tuple[JsonObject, JsonObject]:
    if not isinstance(part, Mapping):
        raise InvalidRequest.of(where, 'give an object with a `type`, such as {"type": "input_text"}', "invalid_type")
    match part.get("type"):
        case "input_text" | "output_text" | "text" as kind:
            text = _text(part, "text", where)
            return {"type": "text", "text": text}, {"type": kind, "text": text}
        case "refusal":
            text = _text(part, "refusal", where)
            return {"type": "refusal", "refusal": text}, {"type": "refusal", "refusal": text}
        case "input_image":
            if part.get("file_id") is not None:
                raise unsupported(f"{where}.file_id", "give the image itself, as a data: URL in image_url")
            url = _required(part, "image_url", where)
            detail = part.get("detail") or "auto"
            kept = {"type": "input_image", "detail": detail, "image_url": None, "file_id": None}
            return {"type": "image_url", "image_url": {"url": url}}, kept
        case str() as kind:
            what = f"Ollama takes the types input_text and input_image, not {kind[:40]!r}"
            raise unsupported(f"{where}.type", what)
    raise InvalidRequest.of(f"{where}.type", "it is missing", "missing_required_parameter")


def _as_parts(content: Any, role: str) -> Any:
    kind = "output_text" if role == "assistant" else "input_text"
    return [{"type": kind, "text": content}] if isinstance(content, str) else content


def _joined(*texts: str) -> str:
    return "\n".join(filter(None, texts))


def _thought(item: Mapping[str, Any]) -> str:
    """The thinking in an item: whole, where it is there; else its summary."""
    for name in ("content", "summary"):
        parts = item.get(name)
        texts = [part.get("text") for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []
        if found := "\n".join(text for text in texts if isinstance(text, str)):
            return found
    whole = item.get("encrypted_content")
    return whole if isinstance(whole, str) else ""


def _plain(item: Mapping[str, Any]) -> JsonObject:
    """The members of an item that are kept as they are."""
    known = ("id", "role", "status", "call_id", "name", "arguments", "summary", "encrypted_content")
    return {name: item[name] for name in known if item.get(name) is not None}


def _required(item: Mapping[str, Any], name: str, where: str) -> Any:
    value = item.get(name)
    if value is None:
        raise InvalidRequest.of(f"{where}.{name}", "it is missing", "missing_required_parameter")
    return value


def _text(item: Mapping[str, Any], name: str, where: str) -> str:
    value = _required(item, name, where)
    if not isinstance(value, str):
        raise InvalidRequest.of(f"{where}.{name}", "give a text", "invalid_type")
    return value
