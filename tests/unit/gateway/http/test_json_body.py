"""Reads JSON that can be written again."""

import asyncio
import gzip
import re

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from gateway.http.errors import GatewayError
from gateway.http.json_body import parse_json_body, read_json_object


def _request(body: bytes, **headers: str) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": named}, receive)


@pytest.mark.parametrize(
    ("request_", "status", "text"),
    [
        (_request(gzip.compress(b"{}"), content_encoding="gzip"), 415, "compressed (gzip)"),
        (_request(b"{}", content_encoding="Deflate, br"), 415, "compressed (deflate, br)"),
        (_request(b""), 400, "the body is empty"),
        (_request(b" \r\n"), 400, "the body is empty"),
        (_request(b"[]"), 400, "must be a JSON object"),
    ],
)
def test_a_body_that_is_no_object_is_refused_by_what_it_is(request_: Request, status: int, text: str) -> None:
    """A compressed body would be told to be no JSON, and an empty one to end too early."""
    with pytest.raises(GatewayError, match=re.escape(text)) as refused:
        asyncio.run(read_json_object(request_))
    assert refused.value.status == status


@pytest.mark.parametrize("coding", ["identity", ""])
def test_a_body_as_it_is_is_read(coding: str) -> None:
    """Some clients name the coding that changes nothing."""
    assert asyncio.run(read_json_object(_request(b'{"a": 1}', content_encoding=coding))) == {"a": 1}


def test_a_body_in_parts_is_read_whole_or_not_at_all() -> None:
    """Of a client that leaves in the middle of it nothing is read."""

    def sent(*messages: Message) -> Request:
        left = iter(messages)

        async def receive() -> Message:
            return next(left)

        return Request({"type": "http", "headers": []}, receive)

    first: Message = {"type": "http.request", "body": b'{"a":', "more_body": True}
    last: Message = {"type": "http.request", "body": b" 1}"}
    assert asyncio.run(read_json_object(sent(first, last))) == {"a": 1}
    with pytest.raises(ClientDisconnect):
        asyncio.run(read_json_object(sent(first, {"type": "http.disconnect"})))


@pytest.mark.parametrize("text", ["1e400", '{"a": [{"b": -1e999}]}', "NaN", "[Infinity]", "1" + "0" * 400 + ".0"])
def test_a_number_that_no_float_holds_is_refused(text: str) -> None:
    """`1e400` would be read as an infinity, which no answer could show."""
    with pytest.raises(GatewayError) as refused:
        parse_json_body(text)
    assert (refused.value.status, refused.value.code) == (400, "invalid_json")


def test_other_numbers_are_taken() -> None:
    """Whole ones have no bound."""
    assert parse_json_body(f"[{10**400}, 1e308, -0.0, 1e-400, true]") == [10**400, 1e308, 0.0, 0.0, True]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'["\ud83d"]', ["\N{REPLACEMENT CHARACTER}"]),
        (r'["\ude00 \ud83d\ud83d\ude00"]', ["\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}\U0001f600"]),
        (r'{"\uD83D\u0041": "\\ud83d"}', {"\N{REPLACEMENT CHARACTER}A": r"\ud83d"}),
    ],
)
def test_half_a_surrogate_pair_is_read_as_ollama_reads_it(text: str, value: object) -> None:
    """JavaScript that cuts a text at a length sends such halves; a backslash that is escaped begins none."""
    assert parse_json_body(text) == parse_json_body(text.encode()) == value


@pytest.mark.parametrize(
    "text",
    [
        r'["\ud83d"',
        r'["\ud83d", NaN]',
        r'["\ud8"]',
        r'["\ud83d", ' + "[" * 100_000,
        r'["\ud83d", ' + "[" * 300 + "]" * 301,
    ],
)
def test_what_is_not_json_is_refused_beside_half_a_surrogate_pair_too(text: str) -> None:
    """The second reader takes no more than the first."""
    with pytest.raises(GatewayError) as refused:
        parse_json_body(text)
    assert (refused.value.status, refused.value.code) == (400, "invalid_json")
