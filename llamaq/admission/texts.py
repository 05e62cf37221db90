"""The texts of a request: what is counted, and what a model gets to see."""

from collections.abc import Callable, Iterator
from typing import Any

from llamaq.vocabulary.requests import AnyRequest, Message, parse
from llamaq.vocabulary.wire import dumps

_PLAIN = ("prompt", "system", "suffix", "template", "input")
_SEEN = (*_PLAIN, "messages", "message", "tools")
_JSON = {"tools": "tools", "format": "format", "json_schema": "schema"}


def counted(request: AnyRequest) -> Iterator[tuple[str, str]]:
    """Every text that a producer may make as long as he likes, with its field; JSON as the text that it is."""
    for field in _PLAIN:
        value = getattr(request, field, None)
        if isinstance(value, str):
            yield field, value
        elif isinstance(value, list):
            yield from ((f"{field}.{index}", text) for index, text in enumerate(value))
    for path, message in _messages(request):
        yield from _of_message(path, message)
    for name, shown in _JSON.items():
        value = getattr(request, name, None)
        if value is not None:
            yield shown, dumps(value)
    yield from (("options.stop", text) for text in request.options.stop or ())
    yield from ((f"metadata.{name}", name + text) for name, text in request.metadata.items())


def seen(request: AnyRequest) -> Iterator[tuple[str, str]]:
    """Every text that a model may get to see, with its field."""
    for field in _SEEN:
        yield from _leaves(_plain(getattr(request, field, None)), field)


def rewritten(request: AnyRequest, change: Callable[[str], str]) -> AnyRequest:
    """The request with every text changed that a model may get to see.

    Raises:
        InvalidRequest: something that must not be empty is empty now.
    """
    fields = {name: getattr(request, name, None) for name in _SEEN}
    changed = {name: _changed(value, change) for name, value in fields.items()}
    changed = {name: value for name, value in changed.items() if value != _changed(fields[name], str)}
    if not changed:
        return request
    return parse(request.model_dump(by_alias=True, exclude_none=True) | changed)


def _messages(request: AnyRequest) -> Iterator[tuple[str, Message | str]]:
    for field in ("messages", "message"):
        value = getattr(request, field, None)
        if isinstance(value, list):
            yield from ((f"{field}.{index}", message) for index, message in enumerate(value))
        elif value is not None:
            yield field, value


def _of_message(path: str, message: Message | str) -> Iterator[tuple[str, str]]:
    if isinstance(message, str):
        yield path, message
        return
    yield f"{path}.content", message.content
    if message.thinking:
        yield f"{path}.thinking", message.thinking
    if message.tool_calls:
        yield f"{path}.tool_calls", dumps([call.model_dump(exclude_none=True) for call in message.tool_calls])


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return value.model_dump(exclude_none=True, exclude={"role"})  # one of a few words, and no text of anybody's
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, f"{path}.{name}")


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, Message):
        return _mapped(_plain(value), change) | {"role": value.role}
    return [_changed(item, change) for item in value] if isinstance(value, list) else _mapped(value, change)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    if isinstance(value, dict):
        return {name: _mapped(item, change) for name, item in value.items()}
    return value
