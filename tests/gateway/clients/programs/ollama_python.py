"""The official client `ollama` for Python. Arguments are those of its methods."""

from typing import Any

import httpx
from ollama import Client
from pydantic import BaseModel
from serving import URL, serve

CLIENT = Client(host=URL)


class Person(BaseModel):
    """What an answer is read into."""

    name: str
    age: int


def weather(city: str) -> str:
    """Give the weather of a city.

    Args:
        city: its name
    """
    return f"warm in {city}"


def ask(method: str, **arguments: Any) -> Any:
    """The answer of a method."""
    return getattr(CLIENT, method)(**arguments).model_dump()


def stream(method: str, **arguments: Any) -> Any:
    """All parts of a streamed answer."""
    return [part.model_dump() for part in getattr(CLIENT, method)(stream=True, **arguments)]


def tools(model: str, text: str) -> Any:
    """The answer after one round of calls; the tool is a function of Python."""
    messages: list[Any] = [{"role": "user", "content": text}]
    message = CLIENT.chat(model, messages, tools=[weather]).message
    results = [
        {"role": "tool", "tool_name": call.function.name, "content": weather(**call.function.arguments)}
        for call in message.tool_calls or ()
    ]
    return CLIENT.chat(model, [*messages, message, *results], tools=[weather]).message.content


def structured(model: str, text: str) -> Any:
    """An answer as a type."""
    answer = CLIENT.chat(model, [{"role": "user", "content": text}], format=Person.model_json_schema())
    return Person.model_validate_json(answer.message.content or "").model_dump()


def at(base: str, **arguments: Any) -> Any:
    """An answer of this gateway under another base address."""
    return Client(host=URL + base).chat(**arguments).model_dump()


def leave(**arguments: Any) -> Any:
    """Read the first piece, and close."""
    parts = CLIENT.chat(stream=True, **arguments)
    text = next(parts).message.content
    parts.close()
    return text


def impatient(seconds: float, **arguments: Any) -> Any:
    """Leave before there is an answer."""
    try:
        return Client(host=URL, timeout=seconds).chat(**arguments).model_dump()
    except httpx.ReadTimeout:
        return "left"


serve({"ask": ask, "stream": stream, "tools": tools, "structured": structured, "at": at, "leave": leave,
       "impatient": impatient})  # fmt: skip
