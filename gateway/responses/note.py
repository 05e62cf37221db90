"""The note: what is kept of a request with the job of its response, so that any process can answer for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, field_validator

from gateway.http.json_body import decode_json
from gateway.openai.chat import read_chat
from gateway.openai.chat_answer import ChatForm
from gateway.responses.input_items import TYPES
from gateway.responses.items import TranslatedInput
from gateway.responses.parameters import ENCRYPTED, Response
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.wire import JsonObject, Strict, dumps

VERSION = 1
"""The version of the note."""


class _StoredNote(Strict):
    response: Literal[1]
    parameters: Response
    items: list[JsonObject]
    lead: Annotated[int, Field(ge=0)]

    @field_validator("items")
    @classmethod
    def _check_types(cls, items: list[JsonObject]) -> list[JsonObject]:
        if any(item.get("type") not in TYPES for item in items):
            raise ValueError(f"each has one of the types {', '.join(TYPES)}")
        return items


@dataclass(frozen=True, slots=True)
class Note:
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


def write_note(given: Response, new: TranslatedInput, lead: int) -> str:
    """Write the text of a note."""
    body = given.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"input", "client_metadata"})
    return dumps({"response": VERSION, "parameters": body, "items": new.items, "lead": lead})


def read_note(text: str) -> Note | None:
    """Read the note in a text; None where it is not that of a response: any producer may keep any text with its job."""
    try:
        found = _StoredNote.model_validate(decode_json(text))
        form = read_chat(found.parameters.to_chat([{"role": "user", "content": ""}])).form
    except (ValueError, InvalidRequest):
        return None
    assert isinstance(form, ChatForm)  # noqa: S101 - `read_chat` makes no other
    return Note(found.parameters, found.items, found.lead, form)
