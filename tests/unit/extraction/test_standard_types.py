"""Schemas of standard types say what the types take, so that a worker can ask again itself."""

import datetime as dt
import uuid
from typing import Any

import pytest
from pydantic import (
    UUID1,
    UUID4,
    AnyUrl,
    AwareDatetime,
    HttpUrl,
    NaiveDatetime,
    PostgresDsn,
    TypeAdapter,
    ValidationError,
)

from llamaq.extraction.schema import check_schema, schema_of

DAY, TIME = "1965-08-01", "12:30:00"
VALUES = (
    *(f"{DAY}T{TIME}", f"{DAY}T{TIME}Z", f"{DAY} {TIME}.25+02:00", f"{DAY}T12:30", f"{DAY}T24:00:00"),
    *(TIME, "12:30", f"{TIME}Z", f"{TIME}.123456-05:30", "25:00:00", "noon", DAY, f"{DAY}T{TIME}z9"),
    *(str(uuid.UUID(int=7, version=version)) for version in (1, 3, 4, 5)),
    *("https://example.org/a?b#c", "http://x", "ftp://example.org", "mailto:a@b.example"),
    "postgresql+asyncpg://u@h/db",
)


@pytest.mark.parametrize(
    "kind", [dt.datetime, NaiveDatetime, AwareDatetime, dt.time, UUID4, UUID1, uuid.UUID, HttpUrl, AnyUrl, PostgresDsn]
)
def test_the_schema_of_a_standard_type_takes_what_the_type_takes(kind: Any) -> None:
    """Of each of these values; a worker repairs what it can see. RFC 3339 has no space and no time without seconds."""
    validator, adapter = check_schema(schema_of(kind)), TypeAdapter(kind)
    for value in VALUES:
        try:
            adapter.validate_json(f'"{value}"')
            taken = True
        except ValidationError:
            taken = False
        if kind is AwareDatetime and (" " in value or not taken):
            assert not validator.is_valid(value)
        elif value != DAY:  # a date alone is midnight to pydantic; a model is asked for the whole
            assert validator.is_valid(value) == taken, value
