"""Records as JSON for scripts, with the field names of the wire, and times in Unix seconds."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel


def wire(record: BaseModel, *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The record as a JSON object. Fields without a value are null."""
    fields = record.model_dump(mode="json", exclude=set(without))
    values = {name: getattr(record, name) for name in fields}
    return fields | {name: value.timestamp() for name, value in values.items() if isinstance(value, datetime)}
