"""Messages that nobody can run: as they stand in a list of the broker, and as entries of the inbox."""

import base64
import json
import uuid
from typing import Any

from tests.conftest import MODEL


def build_message(**changes: Any) -> str:
    """Build a good message of Celery's, with parts replaced."""
    good = {
        "body": encode([[], {"request": {"model": MODEL, "prompt": "x"}}, {}]),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"task": "llamaq.generate", "id": str(uuid.uuid4()), "lang": "py"},
        "properties": {
            "delivery_tag": str(uuid.uuid4()),
            "delivery_info": {"exchange": "", "routing_key": "llamaq"},
            "body_encoding": "base64",
        },
    }
    return json.dumps(good | changes)


def encode(body: object) -> str:
    """Encode a body as kombu does."""
    return base64.b64encode(body if isinstance(body, bytes) else json.dumps(body).encode()).decode()


def build_messages() -> dict[str, str]:
    """Build messages of the broker, each under what is wrong with it."""
    headers = {"task": "llamaq.generate", "id": str(uuid.uuid4())}
    properties = json.loads(build_message())["properties"]
    good = [[], {"request": {"model": MODEL, "prompt": "x"}}]
    return {
        "no JSON": "not json",
        "a number": "5",
        "a list": "[]",
        "nothing in it": "{}",
        "no properties": build_message(properties={}),
        "no delivery_info": build_message(properties={**properties, "delivery_info": None}),
        "an unknown body encoding": build_message(properties={**properties, "body_encoding": "rot13"}),
        "a body that is no base64": build_message(body="!!!"),
        "a body that is no UTF-8": build_message(body=encode(b"\xff\xfe")),
        "a body that is no list of three": build_message(body=encode({"a": 1})),
        "arguments of nobody": build_message(body=encode([[1, 2, 3], {"x": 1}, {}])),
        "no content type": build_message(**{"content-type": None}),
        "a content type that runs code": build_message(**{"content-type": "application/x-python-serialize"}),
        "no headers": build_message(headers=None),
        "no id": build_message(headers={"task": "llamaq.generate"}),
        "an id that is no part of a key": build_message(headers={**headers, "id": "a{b}"}),
        "no such task": build_message(headers={**headers, "task": "os.system"}),
        "a time that is none": build_message(headers={**headers, "eta": "soon"}),
        "a time before all time": build_message(headers={**headers, "eta": "0001-01-01T00:00:00+14:00"}),
        "a time in a hundred years": build_message(headers={**headers, "eta": "2126-01-01T00:00:00+00:00"}),
        "a time that is a number": build_message(headers={**headers, "expires": 5}),
        "expired": build_message(headers={**headers, "expires": "2020-01-01T00:00:00+00:00"}),
        "a time limit that is none": build_message(headers={**headers, "timelimit": "abcd"}),
        "retries that are none": build_message(headers={**headers, "retries": [1]}),
        "a shadow that is none": build_message(headers={**headers, "shadow": {"a": 1}}),
        "a stamp that is none": build_message(headers={**headers, "stamped_headers": 5}),
        "half a surrogate pair in a header": build_message(headers={**headers, "shadow": "\ud800"}),
        "half a surrogate pair for a task": build_message(headers={**headers, "task": "\ud800"}),
        "half a surrogate pair for an id": build_message(headers={**headers, "id": "\ud800"}),
        "half a surrogate pair in the body": build_message(body=encode([[], {"request": {"model": "\ud800"}}, {}])),
        "an empty delivery_info": build_message(properties={**properties, "delivery_info": {}}),
        "a priority that is none": build_message(properties={**properties, "priority": "high"}),
        "a reply that goes nowhere": build_message(properties={**properties, "reply_to": [1]}),
        "nested too deeply": "[" * 100_000,
        "a body nested too deeply": build_message(body=encode(b"[" * 100_000)),
        "a body nested deeply": build_message(body=encode(b'[[], {"request": ' + b"[" * 900 + b"]" * 900 + b"}, {}]")),
        "a type that kombu does not know": '{"__type__": ["x"], "__value__": 1}',
        "a value that is not of its type": '{"__type__": "decimal", "__value__": "abc"}',
        "such a type in the body": build_message(body=encode({"__type__": ["x"], "__value__": 1})),
        "such a value in the body": build_message(body=encode([[], {"__type__": "decimal", "__value__": "abc"}, {}])),
        "a number that no parser takes": "1" * 10_000,
        "more parts than can be parsed": "[" + "[]," * 5_000_000 + "[]]",
        "an unknown compression": build_message(headers={**headers, "compression": "rot13"}),
        "a compression that it has not": build_message(headers={**headers, "compression": "application/x-gzip"}),
        "another content encoding": build_message(**{"content-encoding": "rot13"}),
        "YAML": build_message(**{"content-type": "application/x-yaml"}),
        "not a number": build_message(body=encode(b'[[], {"request": {"model": "m", "prompt": NaN}}, {}]')),
        "a callback": build_message(body=encode([*good, {"callbacks": [{"task": "x"}]}])),
        "an errback": build_message(body=encode([*good, {"errbacks": [{"task": "x"}]}])),
        "a chain": build_message(body=encode([*good, {"chain": [{"task": "x"}]}])),
        "a chord": build_message(body=encode([*good, {"chord": {"task": "x"}}])),
        "a callback in a header": build_message(headers={**headers, "callbacks": [{"task": "x"}]}),
        "a job that is another": build_message(body=encode([[str(uuid.uuid4())], {}, {}])),
        "no request": build_message(body=encode([[], {"request": 5}, {}])),
        "an unknown field": build_message(
            body=encode([[], {"request": {"model": MODEL, "prompt": "x", "shell": 1}}, {}])
        ),
    }


def build_tool_call(value: str) -> str:
    """Build a chat with a tool call that has a member nobody knows."""
    call = '{"function": {"name": "f", "arguments": {}}, "x": ' + value + "}"
    return f'{{"model": "{MODEL}", "messages": [{{"role": "assistant", "tool_calls": [{call}]}}]}}'


def build_entries() -> dict[str, dict[str, str | bytes]]:
    """Build the fields of entries of the inbox, each under what is wrong with it."""
    request = json.dumps({"model": MODEL, "prompt": "x"})

    def entry(**changes: str | bytes) -> dict[str, str | bytes]:
        return {"id": str(uuid.uuid4()), "kind": "generate", "request": request} | changes

    return {
        "no fields of ours": {"x": "y"},
        "no id": {"kind": "generate", "request": request},
        "an id that is no part of a key": entry(id="a{b}"),
        "an id that is no text": entry(id=b"\xff\xfe"),
        "no such kind": entry(kind="nope"),
        "no JSON": entry(request="{"),
        "no UTF-8": entry(request=b"\xff\xfe"),
        "no object": entry(request="[1]"),
        "an unknown field": entry(request=json.dumps({"model": MODEL, "prompt": "x", "shell": 1})),
        "no prompt": entry(request=json.dumps({"model": MODEL})),
        "a model that nobody has": entry(request=json.dumps({"model": "nobody-has-it", "prompt": "x"})),
        "nested too deeply": entry(request='{"model": "m", "prompt": ' + "[" * 100_000),
        "nested deeply in a tool call": entry(kind="chat", request=build_tool_call(f"{'[' * 900}{']' * 900}")),
        "half a surrogate pair in a tool call": entry(kind="chat", request=build_tool_call('"\\ud800"')),
        "not a number in a tool call": entry(kind="chat", request=build_tool_call("NaN")),
        "a number that no parser takes": entry(request='{"model": "m", "prompt": ' + "1" * 10_000 + "}"),
        "a kind that is no text": entry(kind=b"\xff\xfe"),
        "more parts than can be parsed": entry(request="[" + "[]," * 5_000_000 + "[]]"),
    }
