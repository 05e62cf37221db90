"""instructor, which reads answers into types."""

from collections.abc import Iterable
from typing import Any

import instructor
from openai import OpenAI
from pydantic import BaseModel, field_validator
from serving import URL, serve

SERVER = OpenAI(base_url=f"{URL}/v1", api_key="any", max_retries=0)


class Person(BaseModel):
    """A person."""

    name: str
    age: int

    @field_validator("age")
    @classmethod
    def _is_alive(cls, age: int) -> int:
        if age > 150:
            raise ValueError("nobody is so old")
        return age


class Verdict(BaseModel):
    """An answer that no model can draw out."""

    yes: bool


TYPES = {"Person": Person, "Verdict": Verdict}


def one(mode: str, retries: int = 0, into: str = "Person", **arguments: Any) -> Any:
    """One value."""
    client = instructor.from_openai(SERVER, mode=instructor.Mode[mode])
    return client.chat.completions.create(response_model=TYPES[into], max_retries=retries, **arguments).model_dump()


def partial(mode: str, **arguments: Any) -> Any:
    """The value as it grows."""
    client = instructor.from_openai(SERVER, mode=instructor.Mode[mode])
    return [part.model_dump() for part in client.chat.completions.create_partial(response_model=Person, **arguments)]


def many(mode: str, **arguments: Any) -> Any:
    """A list of values."""
    client = instructor.from_openai(SERVER, mode=instructor.Mode[mode])
    found = client.chat.completions.create(response_model=Iterable[Person], **arguments)
    return [each.model_dump() for each in found]


serve({"one": one, "partial": partial, "many": many})
