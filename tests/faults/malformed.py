"""Messages that nobody can run: as they stand in a list of the broker, and as entries of the inbox."""

import base64
import json
import uuid
from typing import Any

from tests.conftest import MODEL


def message(**changes: Any) -> str:
    """A good message of Celery's, with parts replaced."""
    good = {
        "body": encoded([[], {"request": {"model": MODEL, "prompt": "x"}}, {}]),
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


def encoded(body: object) -> str:
    """A body as kombu writes it."""
    return base64.b64encode(body if isinstance(body, bytes) else json.dumps(body).encode()).decode()


def in_the_broker() -> dict[str, str]:
    """What is wrong, and the message."""
    headers = {"task": "llamaq.generate", "id": str(uuid.uuid4())}
    properties = json.loads(message())["properties"]
    good = [[], {"request": {"model": MODEL, "prompt": "x"}}]
    return {
        "no JSON": "not json",
        "a number": "5",
        "a list": "[]",
        "nothing in it": "{}",
        "no properties": message(properties={}),
        "no delivery_info": message(properties={**properties, "delivery_info": None}),
        "an unknown body encoding": message(properties={**properties, "body_encoding": "rot13"}),
        "a body that is no base64": message(body="!!!"),
        "a body that is no UTF-8": message(body=encoded(b"\xff\xfe")),
        "a body that is no list of three": message(body=encoded({"a": 1})),
        "arguments of nobody": message(body=encoded([[1, 2, 3], {"x": 1}, {}])),
        "no content type": message(**{"content-type": None}),
        "a content type that runs code": message(**{"content-type": "application/x-python-serialize"}),
        "no headers": message(headers=None),
        "no id": message(headers={"task": "llamaq.generate"}),
        "an id that is no part of a key": message(headers={**headers, "id": "a{b}"}),
        "no such task": message(headers={**headers, "task": "os.system"}),
        "a time that is none": message(headers={**headers, "eta": "soon"}),
        "a time before all time": message(headers={**headers, "eta": "0001-01-01T00:00:00+14:00"}),
        "a time in a hundred years": message(headers={**headers, "eta": "2126-01-01T00:00:00+00:00"}),
        "a time that is a number": message(headers={**headers, "expires": 5}),
        "expired": message(headers={**headers, "expires": "2020-01-01T00:00:00+00:00"}),
        "a time limit that is none": message(headers={**headers, "timelimit": "abcd"}),
        "retries that are none": message(headers={**headers, "retries": [1]}),
        "a shadow that is none": message(headers={**headers, "shadow": {"a": 1}}),
        "a stamp that is none": message(headers={**headers, "stamped_headers": 5}),
        "half a surrogate pair in a header": message(headers={**headers, "shadow": "\ud800"}),
        "half a surrogate pair for a task": message(headers={**headers, "task": "\ud800"}),
        "half a surrogate pair for an id": message(headers={**headers, "id": "\ud800"}),
        "half a surrogate pair in the body": message(body=encoded([[], {"request": {"model": "\ud800"}}, {}])),
        "an empty delivery_info": message(properties={**properties, "delivery_info": {}}),
        "a priority that is none": message(properties={**properties, "priority": "high"}),
        "a reply that goes nowhere": message(properties={**properties, "reply_to": [1]}),
        "nested too deeply": "[" * 100_000,
        "a body nested too deeply": message(body=encoded(b"[" * 100_000)),
        "a body nested deeply": message(body=encoded(b'[[], {"request": ' + b"[" * 900 + b"]" * 900 + b"}, {}]")),
        "a type that kombu does not know": '{"__type__": ["x"], "__value__": 1}',
        "a value that is not of its type": '{"__type__": "decimal", "__value__": "abc"}',
        "such a type in the body": message(body=encoded({"__type__": ["x"], "__value__": 1})),
        "such a value in the body": message(body=encoded([[], {"__type__": "decimal", "__value__": "abc"}, {}])),
        "a number that no parser takes": "1" * 10_000,
        "more parts than can be parsed": "[" + "[]," * 5_000_000 + "[]]",
        "an unknown compression": message(headers={**headers, "compression": "rot13"}),
        "a compression that it has not": message(headers={**headers, "compression": "application/x-gzip"}),
        "another content encoding": message(**{"content-encoding": "rot13"}),
        "YAML": message(**{"content-type": "application/x-yaml"}),
        "not a number": message(body=encoded(b'[[], {"request": {"model": "m", "prompt": NaN}}, {}]')),
        "a callback": message(body=encoded([*good, {"callbacks": [{"task": "x"}]}])),
        "an errback": message(body=encoded([*good, {"errbacks": [{"task": "x"}]}])),
        "a chain": message(body=encoded([*good, {"chain": [{"task": "x"}]}])),
        "a chord": message(body=encoded([*good, {"chord": {"task": "x"}}])),
        "a callback in a header": message(headers={**headers, "callbacks": [{"task": "x"}]}),
        "a job that is another": message(body=encoded([[str(uuid.uuid4())], {}, {}])),
        "no request": message(body=encoded([[], {"request": 5}, {}])),
        "an unknown field": message(body=encoded([[], {"request": {"model": MODEL, "prompt": "x", "shell": 1}}, {}])),
    }


def tool_call(value: str) -> str:
    """A chat with a tool call that has a member nobody knows."""
    call = '{"function": {"name": "f", "arguments": {}}, "x": ' + value + "}"
    return f'{{"model": "{MODEL}", "messages": [{{"role": "assistant", "tool_calls": [{call}]}}]}}'


def in_the_inbox() -> dict[str, dict[str, str | bytes]]:
    """What is wrong, and the entry's fields."""
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
        "nested deeply in a tool call": entry(kind="chat", request=tool_call(f"{'[' * 900}{']' * 900}")),
        "half a surrogate pair in a tool call": entry(kind="chat", request=tool_call('"\\ud800"')),
        "not a number in a tool call": entry(kind="chat", request=tool_call("NaN")),
        "a number that no parser takes": entry(request='{"model": "m", "prompt": ' + "1" * 10_000 + "}"),
        "a kind that is no text": entry(kind=b"\xff\xfe"),
        "more parts than can be parsed": entry(request="[" + "[]," * 5_000_000 + "[]]"),
    }
