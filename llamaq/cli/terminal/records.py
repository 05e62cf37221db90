"""Records as JSON for scripts: the wire's field names, and Unix seconds for moments."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel


def wire(record: BaseModel, *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The record as a JSON object; what it does not have is null."""
    fields = record.model_dump(mode="json", exclude=set(without))
    moments = {name: getattr(record, name) for name in fields}
    return fields | {name: value.timestamp() for name, value in moments.items() if isinstance(value, datetime)}
