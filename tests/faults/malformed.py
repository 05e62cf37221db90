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
        "no request": message(body=encoded([[], {"request": 5}, {}])),
        "an unknown field": message(body=encoded([[], {"request": {"model": MODEL, "prompt": "x", "shell": 1}}, {}])),
    }


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
    }
