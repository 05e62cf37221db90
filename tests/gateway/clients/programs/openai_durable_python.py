"""Responses, files and batches by the official client `openai` for Python."""

from collections.abc import Mapping
from functools import reduce
from typing import Any

from openai import OpenAI
from pydantic import BaseModel
from serving import URL, serve

CLIENT = OpenAI(base_url=f"{URL}/v1", api_key="any", max_retries=0)


class Person(BaseModel):
    """What an answer is read into."""

    name: str
    age: int


def _method(name: str) -> Any:
    found: Any = CLIENT
    return reduce(getattr, name.split("."), found)


def ask(method: str, names: list[str], body: Mapping[str, Any]) -> Any:
    """What a method gives: `responses.retrieve` of an id, with further arguments."""
    found = _method(method)(*names, **body)
    return found.model_dump() if isinstance(found, BaseModel) else None


def listed(method: str, names: list[str], body: Mapping[str, Any]) -> Any:
    """All entries of a list, or events of a stream."""
    return [each.model_dump() for each in _method(method)(*names, **body)]


def text(**body: Any) -> str:
    """The text of a new response, as the client joins it."""
    return str(CLIENT.responses.create(**body).output_text)


def accumulated(**body: Any) -> Any:
    """The response that the client joins of the events of a stream, and the snapshots of its text."""
    with CLIENT.responses.stream(**body) as events:
        snapshots = [event.snapshot for event in events if event.type == "response.output_text.delta"]
        return {"text": events.get_final_response().output_text, "snapshots": snapshots}


def parse(**body: Any) -> Any:
    """An answer that the client reads into a type."""
    found = CLIENT.responses.parse(text_format=Person, **body).output_parsed
    return found.model_dump() if found else None


def upload(content: str) -> Any:
    """The id of a new file."""
    return CLIENT.files.create(file=("in.jsonl", content.encode()), purpose="batch").id


def content(name: str) -> str:
    """The text of a file."""
    return str(CLIENT.files.content(name).text)


serve({"ask": ask, "listed": listed, "text": text, "accumulated": accumulated, "parse": parse, "upload": upload,
       "content": content})  # fmt: skip
