"""Null is absent: clients of many languages write every field that they know."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from llamaq import Message, Notify, Options
from llamaq.admission.preparation import Preparation
from llamaq.client.batches import parse_items
from llamaq.settings.producer import Limits
from llamaq.vocabulary.requests import REQUEST_TYPES, parse, parse_json

LEAST: dict[str, dict[str, Any]] = {
    "generate": {"prompt": "x"},
    "chat": {"messages": [{"role": "user", "content": "x"}]},
    "multimodal": {"prompt": "x", "images": ["sha256:" + "0" * 64]},
    "extraction": {"prompt": "x", "schema": {"type": "object"}},
    "embedding": {"input": "x"},
    "pull": {},
    "unload": {"host": "h"},
}


def _nulls(shape: type[BaseModel]) -> dict[str, None]:
    """Null for each field that need not be there."""
    return {info.alias or name: None for name, info in shape.model_fields.items() if not info.is_required()}


def _requests() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """A request with nulls, and the same one without."""
    for kind, least in LEAST.items():
        bare = {"kind": kind, "model": "m", **least}
        yield kind, {**_nulls(REQUEST_TYPES[kind]), **bare}, bare
    generate = {"kind": "generate", "model": "m", "prompt": "x"}
    yield "options", {**generate, "options": _nulls(Options)}, generate
    yield "metadata", {**generate, "metadata": {"a": None, "b": "x"}}, {**generate, "metadata": {"b": "x"}}
    hook = {"url": "https://shop.example/x"}
    yield "notify", {**generate, "notify": {**_nulls(Notify), **hook}}, {**generate, "notify": hook}
    chat = {"kind": "chat", "model": "m", "messages": [{"role": "user"}]}
    yield "message", {**chat, "messages": [{**_nulls(Message), "role": "user"}]}, chat
    for kind in ("generate", "chat", "multimodal"):
        bare = {"kind": kind, "model": "m", **LEAST[kind]}
        yield f"an empty format of {kind}", {**bare, "format": ""}, bare
    php = {**generate, "options": [], "metadata": []}
    yield "PHP", php, generate


REQUESTS = list(_requests())


@pytest.mark.parametrize(("given", "bare"), [case[1:] for case in REQUESTS], ids=[case[0] for case in REQUESTS])
def test_null_is_absent_in_every_optional_field(given: dict[str, Any], bare: dict[str, Any]) -> None:
    """As Python's arguments, as JSON of the inbox and of a task, as an item of `submit_many` and of a batch."""
    wanted = parse(bare)
    prepare = Preparation(Limits(), lambda: "id")

    assert parse(given) == wanted
    assert parse_json(json.dumps(given)) == wanted
    assert prepare.prepare_item(given).request == prepare.prepare_item(bare).request
    (item,) = parse_items([{"custom_id": None, "kind": given["kind"], "request": given}])
    (same,) = parse_items([bare])
    assert item.custom_id == same.custom_id == "1"
    assert prepare.prepare_item(item.request).request == prepare.prepare_item(same.request).request


def test_null_in_a_batch_does_not_change_its_lane() -> None:
    """A batch waits in its own lane where the request names none."""
    (item,) = parse_items([{"kind": "generate", "model": "m", "prompt": "x", "priority": None, "request": None}])

    assert Preparation(Limits(), lambda: "id").prepare_item(item.request).request.priority == "batch"
