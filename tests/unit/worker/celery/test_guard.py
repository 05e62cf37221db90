"""What others put into the broker's lists: whatever it is, it is run or named as bad, and nothing else is raised."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.transport.virtual.base import Channel, Message

from worker.celery import guard, transport
from worker.celery.guard import BadMessage
from worker.duties import heartbeat

TASKS = frozenset({"llamaq.generate", heartbeat.TASK})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


class _Channel:
    """The part of kombu's channel that makes a body of what travels."""

    decode_body = Channel.decode_body
    codecs = Channel.codecs


def _message(**changes: Any) -> dict[str, Any]:
    body = base64.b64encode(json.dumps([["job-1"], {}, {}]).encode()).decode()
    properties = {"delivery_tag": "t", "delivery_info": {}, "body_encoding": "base64"}
    return {
        "body": body,
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": "llamaq.generate", "id": "job-1"},
        "properties": properties,
        **changes,
    }


def _verdict(raw: Any) -> str:
    """How far a message gets: `unreadable` before kombu, `bad` before Celery, or `fine`."""
    try:
        transport._require_readable(raw)
    except (ValueError, TypeError):
        return "unreadable"
    message = Message(raw, channel=_Channel())
    if message.errors:
        return "unreadable"
    message.accept = {"application/json"}
    try:
        guard.check(message, TASKS)
    except BadMessage:
        return "bad"
    return "fine"


def test_the_message_of_a_placed_job_passes() -> None:
    """The guard lets through what the SDK sends."""
    assert _verdict(_message()) == "fine"


@given(JSON)
def test_any_json_gets_a_verdict(raw: Any) -> None:
    """A list entry that is JSON and nothing else is named unreadable: kombu and Celery never see it."""
    assert _verdict(raw) == "unreadable"


@given(st.sampled_from(sorted(_message())), JSON)
def test_any_field_can_be_anything(field: str, value: Any) -> None:
    """With one field of a good message replaced by any JSON, it passes or is named, and nothing else is raised."""
    assert _verdict(_message(**{field: value})) in {"unreadable", "bad", "fine"}


@given(st.binary())
def test_any_bytes_can_be_the_body(body: bytes) -> None:
    """A body of any bytes passes or is named."""
    assert _verdict(_message(body=base64.b64encode(body).decode())) in {"bad", "fine", "unreadable"}


@given(JSON, JSON, JSON)
def test_any_arguments_get_a_verdict(args: Any, kwargs: Any, embed: Any) -> None:
    """Only a job id, or the one keyword `request`, reaches a task."""
    body = base64.b64encode(json.dumps([args, kwargs, embed]).encode()).decode()
    fine = _verdict(_message(body=body)) == "fine"
    assigned = isinstance(args, list) and len(args) == 1 and isinstance(args[0], str) and kwargs == {}
    by_name = args == [] and isinstance(kwargs, dict) and set(kwargs) == {"request"}
    assert fine == (isinstance(embed, dict) and isinstance(kwargs, dict) and (assigned or by_name))


@given(JSON, JSON)
def test_any_headers_get_a_verdict(task: Any, job_id: Any) -> None:
    """No task of another name, and no id that cannot be part of a key, reaches Celery."""
    assert _verdict(_message(headers={"task": task, "id": job_id})) == "bad"


@pytest.mark.parametrize("headers", [[1], "x", 5])
def test_headers_of_another_shape_are_unreadable(headers: Any) -> None:
    """Kombu takes the headers apart as an object when it makes its message: anything else would end the worker."""
    assert _verdict(_message(headers=headers)) == "unreadable"
