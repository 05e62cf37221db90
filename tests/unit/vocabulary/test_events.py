"""Events: each type reads back typed, with its cursor and its own text."""

import copy
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq import ChatResult, EmbeddingResult, Event, ExtractionResult, StreamError, TextResult
from llamaq.vocabulary import events
from llamaq.vocabulary.events import Delta, Piece
from llamaq.vocabulary.wire import dump_members

RESULT = '"model":"m","host":"h","attempts":1'


@pytest.mark.parametrize(
    ("kind", "fields", "terminal"),
    [
        ("queued", '"position":3,"eta_seconds":null', False),
        ("started", '"host":"h","worker":"w"', False),
        ("delta", '"text":"x"', False),
        ("delta", '"tool_calls":[{"function":{"name":"f","arguments":{"a":null}}}]', False),
        ("progress", '"stage":"loading"', False),
        ("progress", '"stage":"repairing","repair":1,"of":2', False),
        ("retrying", '"error":{"code":"internal","message":"x"},"delay_seconds":1.5', False),
        ("completed", f'"result":{{"text":"x",{RESULT}}}', True),
        ("failed", '"error":{"code":"internal","message":"x","n_ctx":5}', True),
        ("cancelled", '"reason":"x"', True),
        ("expired", '"reason":"x"', True),
    ],
)
def test_each_type_is_read(kind: str, fields: str, terminal: bool) -> None:
    """With its common fields, its place, and what stood in the log."""
    payload = f'{{"v":1,"type":"{kind}","attempt":2,"at":1700000000.125,{fields},"new":1}}'

    for given_payload in (payload, payload.encode()):
        event = events.parse("5-1", given_payload)

        assert (event.type, event.attempt, event.cursor, event.terminal) == (kind, 2, "5-1", terminal)
        assert event.at == datetime.fromtimestamp(1700000000.125, UTC)
        assert event.payload == payload


@pytest.mark.parametrize(
    ("fields", "shape"),
    [
        ('"text":"x"', TextResult),
        ('"message":{"role":"assistant","content":"x"}', ChatResult),
        ('"value":null,"repairs":1', ExtractionResult),
        ('"embeddings":[[1,2.5]]', EmbeddingResult),
    ],
)
def test_a_result_has_the_shape_of_its_kind(fields: str, shape: type) -> None:
    """Told by the field that only this kind has."""
    event = events.parse("1-1", f'{{"v":1,"type":"completed","attempt":1,"at":1,"result":{{{fields},{RESULT}}}}}')

    assert isinstance(event, events.Completed)
    assert type(event.result) is shape


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "{}",
        "[]",
        "null",
        "not json",
        '{"v":1,"type":"surprise","attempt":1,"at":1}',
        '{"v":1,"type":"delta","attempt":1}',
        '{"v":1,"type":"started","attempt":1,"at":1,"host":"h"}',
        '{"v":1,"type":"completed","attempt":1,"at":1,"result":{}}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_event_is_a_stream_error(payload: str | bytes) -> None:
    """With the cursor, and the likeliest cause."""
    with pytest.raises(StreamError, match=r"event 7-7 .* newer than this llamaq"):
        events.parse("7-7", payload)


@given(st.text() | st.binary())
def test_nothing_else_is_raised(payload: str | bytes) -> None:
    """Whatever is found in a log."""
    with pytest.raises(StreamError):
        events.parse("1-1", payload)


def test_an_event_cannot_be_changed() -> None:
    """Several readers may share it."""
    event = events.parse("1-1", '{"v":1,"type":"delta","attempt":1,"at":1,"text":"x"}')

    with pytest.raises(ValueError, match="frozen"):
        event.text = "y"  # type: ignore[misc,union-attr]  # that is the point


@pytest.mark.parametrize(
    "said",
    [
        *({"text": text} for text in ["a", "", '\u00e9 \U0001f600 " \\ \n \x00', "x" * 10_000]),
        {"thinking": "hm", "logprobs": [{"token": "a", "logprob": -0.5}]},
        {"text": "a", "tool_calls": [{"function": {"name": "f", "arguments": {"x": [1, None]}}}]},
        {},
    ],
)
@pytest.mark.parametrize("spaced", [False, True])
def test_a_piece_says_what_its_delta_says(said: dict[str, Any], *, spaced: bool) -> None:
    """The same values as those of the event, and the same cursor and payload."""
    payload = f"{{{dump_members(v=1, type='delta', attempt=1, at=1.0, **said)}}}"
    if spaced:  # as of another writer
        payload = json.dumps(json.loads(payload))
    piece, event = events.parse_piece("1-0", payload), events.parse("1-0", payload)

    assert isinstance(piece, Piece)
    assert isinstance(event, Delta)
    for name in (*Piece._fields, "cursor", "payload"):
        assert getattr(piece, name) == getattr(event, name)


def test_a_piece_of_another_type_is_its_event() -> None:
    """With its cursor."""
    payload = '{"v":1,"type":"cancelled","attempt":0,"at":1.0,"reason":"text"}'
    assert events.parse_piece("1-0", payload) == events.parse("1-0", payload)


@pytest.mark.parametrize(
    "payload",
    [
        '{"v":1,"type":"delta","attempt":1,"at":1.0,"text":"a',
        '{"v":1,"type":"delta","attempt":1,"at":1.0,"text":0}',
        '{"v":1,"type":"delta","attempt":1,"at":1.0,"text":["a"]}',
        '{"v":1,"type":"delta","attempt":1,"at":1.0,"thinking":0}',
        '{"v":1,"type":"delta","attempt":1,"at":1.0,"tool_calls":["a"]}',
        '{"v":1,"type":"delta","attempt":1,"at":1.0,"logprobs":{}}',
        '{"v":2,"type":"delta","attempt":1,"at":1.0,"text":"a"}',
        "",
    ],
)
def test_a_piece_that_is_none_is_a_stream_error(payload: str) -> None:
    """As `parse` tells it."""
    with pytest.raises(StreamError):
        events.parse_piece("1-0", payload)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda event: pickle.loads(pickle.dumps(event))])
def test_an_event_is_an_entry_of_the_log_and_its_copies_are_too(copied: Callable[[Event], Event]) -> None:
    """Two tokens may say the same in one millisecond: they are two events. No dump has the entry."""
    payload = '{"v":1,"type":"delta","attempt":1,"at":1.0,"text":"a"}'
    event = events.parse("1-0", payload)

    assert (copied(event), copied(event).cursor, copied(event).payload) == (event, "1-0", payload)
    assert event != events.parse("1-1", payload)
    assert set(event.model_dump()) == set(type(event).model_fields)
