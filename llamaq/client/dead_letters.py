"""Dead letters: messages that were set aside, as `JobQueue.dead` gives them."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json

from llamaq.client.request_changes import apply_changes
from llamaq.store.keys import Keys
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.requests import AnyRequest, parse
from llamaq.vocabulary.wire import Frozen


class DeadLetter(Frozen):
    """A message that was set aside.

    Attributes:
        id: of the entry in the dead-letter stream.
        job_id: the id of the job that it was for; empty where it was not readable.
        kind: of that job; empty where it was not readable.
        source: `celery`, `control` (remote control) or `inbox`; `webhook` for an undelivered one.
        message: the text as received, or the body that was not delivered.
        reason: why it was set aside.
        at: when it was set aside.
    """

    id: str
    job_id: str
    kind: str
    source: str
    message: str
    reason: str
    at: datetime


def read_letters(entries: Sequence[tuple[str, Mapping[str, str]]]) -> list[DeadLetter]:
    """Read the entries of the stream."""
    return [
        DeadLetter(
            id=entry,
            job_id=fields.get("id", ""),
            kind=fields.get("kind", ""),
            source=fields.get("source", ""),
            message=fields.get("message", ""),
            reason=fields.get("reason", ""),
            at=datetime.fromtimestamp(int(entry.split("-", 1)[0]) / 1000, UTC),
        )
        for entry, fields in entries
    ]


def derive_job_id(keys: Keys, letter: DeadLetter) -> str:
    """Derive the id of the job that the letter becomes, always the same: a lost answer may have put it back already."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{keys.dead()} {letter.id}"))


def check_letter(letter: object) -> DeadLetter:
    """Check that it is a dead letter.

    Raises:
        InvalidRequest: it is something else, such as its id.
    """
    if not isinstance(letter, DeadLetter):
        given = type(letter).__name__
        raise InvalidRequest.of("letter", f"give a DeadLetter, as dead() and dead_letter(id) give it, not {given}")
    return letter


def change_request(kind: str, request: str, changes: Mapping[str, Any]) -> AnyRequest:
    """Change fields of a stored request. Its idempotency key is removed, because it belongs to the first job.

    Raises:
        InvalidRequest: it cannot be read, or is not valid with the changes.
    """
    try:
        fields = from_json(request)
    except ValueError as error:
        raise InvalidRequest.of("request", f"the message is not JSON, so nothing can be changed: {error}") from error
    if not isinstance(fields, dict):
        raise InvalidRequest.of("request", "the message is no object, so nothing can be changed")
    merged = apply_changes({**fields, "idempotency_key": None, "kind": kind}, changes)
    return parse({name: value for name, value in merged.items() if value is not None})
