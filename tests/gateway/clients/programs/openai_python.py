"""The official client `openai` for Python. Arguments are those of its methods."""

from collections.abc import Callable
from typing import Any, get_args, get_type_hints

from openai import OpenAI
from openai.types import CompletionCreateParams, EmbeddingCreateParams
from openai.types.chat import CompletionCreateParams as ChatCreateParams
from pydantic import BaseModel
from serving import URL, serve

CLIENT = OpenAI(base_url=f"{URL}/v1", api_key="any", max_retries=0)
METHODS: dict[str, Callable[..., Any]] = {
    "chat": CLIENT.chat.completions.create,
    "completion": CLIENT.completions.create,
    "embedding": CLIENT.embeddings.create,
}


class Person(BaseModel):
    """What an answer is read into."""

    name: str
    age: int


def create(method: str, **arguments: Any) -> Any:
    """The answer."""
    return METHODS[method](**arguments).model_dump()


def stream(method: str, **arguments: Any) -> Any:
    """All chunks of a stream."""
    return [chunk.model_dump() for chunk in METHODS[method](stream=True, **arguments)]


def parse(**arguments: Any) -> Any:
    """An answer that the client reads into a type, with the schema that it makes of the type."""
    message = CLIENT.chat.completions.parse(response_format=Person, **arguments).choices[0].message
    return message.parsed.model_dump() if message.parsed else None


def accumulated(**arguments: Any) -> Any:
    """The answer that the client joins of the chunks of a stream."""
    with CLIENT.chat.completions.stream(**arguments) as events:
        for _ in events:
            pass
        return events.get_final_completion().model_dump()


def elsewhere(url: str, key: str, **arguments: Any) -> Any:
    """An answer of another gateway, to the holder of a key."""
    other = CLIENT.with_options(base_url=f"{url}/v1", api_key=key)
    return other.chat.completions.create(**arguments).choices[0].message.content


def at(base: str, **arguments: Any) -> Any:
    """An answer of this gateway under another base address."""
    return CLIENT.with_options(base_url=URL + base).chat.completions.create(**arguments).model_dump()


def leave(**arguments: Any) -> Any:
    """Read the first chunk with a text, and close."""
    with CLIENT.chat.completions.create(stream=True, **arguments) as chunks:
        return next(chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content)


def models() -> Any:
    """The names."""
    return [model.id for model in CLIENT.models.list()]


def model(name: str) -> Any:
    """One of them."""
    return CLIENT.models.retrieve(name).model_dump()


def parameters(method: str) -> Any:
    """The names of all parameters of a method."""
    shapes = {"chat": ChatCreateParams, "completion": CompletionCreateParams, "embedding": EmbeddingCreateParams}
    return sorted({name for shape in get_args(shapes[method]) or [shapes[method]] for name in get_type_hints(shape)})


serve({"create": create, "stream": stream, "parse": parse, "accumulated": accumulated, "leave": leave,
       "elsewhere": elsewhere, "at": at, "models": models, "model": model, "parameters": parameters})  # fmt: skip
