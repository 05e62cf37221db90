"""Asks a gateway for responses, and reads their streams."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.conftest import MODEL
from tests.gateway_process import GatewayProcess
from tests.service import wait_until

PATH = "/v1/responses"
Body = dict[str, Any]


def create(gateway: GatewayProcess, given: Any = "hi", **parameters: Any) -> httpx.Response:
    return gateway.http.post(PATH, json={"model": MODEL, "input": given, **parameters})


def created(gateway: GatewayProcess, given: Any = "hi", **parameters: Any) -> Body:
    """A response that the gateway takes."""
    return body_of(create(gateway, given, **parameters))


def get(gateway: GatewayProcess, response_id: str, part: str = "", **query: Any) -> Body:
    return body_of(gateway.http.get(f"{PATH}/{response_id}{part}", params=query))


def body_of(answer: httpx.Response) -> Body:
    assert answer.status_code == 200, answer.text
    found: Body = answer.json()
    return found


def ended(gateway: GatewayProcess, response_id: str) -> Body:
    """The response when it has ended; polled, as clients do it."""
    found: list[Body] = []
    wait_until(lambda: found.append(get(gateway, response_id)) or found[-1]["status"] not in {"queued", "in_progress"})  # type: ignore[func-returns-value]
    return found[-1]


def events_of(text: str) -> list[Body]:
    """The events of a stream; the `event:` of each is its type."""
    found = []
    for block in text.split("\n\n"):
        if block.startswith("event: "):
            kind, data = block.rstrip().split("\n")
            found.append(json.loads(data.removeprefix("data: ")))
            assert found[-1]["type"] == kind.removeprefix("event: ")
    return found


def stream(gateway: GatewayProcess, response_id: str, after: int | None = None) -> list[Body]:
    """All that a stream has behind an event, to its end."""
    query: Body = {"stream": "true"} | ({} if after is None else {"starting_after": after})
    answer = gateway.http.get(f"{PATH}/{response_id}", params=query)
    assert answer.status_code == 200, answer.text
    return events_of(answer.text)


@contextmanager
def streaming(gateway: GatewayProcess, **parameters: Any) -> Iterator[Iterator[Body]]:
    """The stream of a new response, event by event."""
    given = {"model": MODEL, "input": "hi", "stream": True, **parameters}
    with gateway.http.stream("POST", PATH, json=given) as answer:
        assert answer.status_code == 200, answer.read()
        lines = (json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data: "))
        yield lines


def text_of(response: Body) -> str:
    """The text, as OpenAI's clients join it."""
    parts = [part for item in response["output"] if item["type"] == "message" for part in item["content"]]
    return "".join(part["text"] for part in parts)


def item_texts(events: list[Body]) -> dict[str, str]:
    """The text of each item, as its pieces join to."""
    found: dict[str, str] = {}
    for event in events:
        if event["type"] == "response.output_text.delta":
            found[event["item_id"]] = found.get(event["item_id"], "") + event["delta"]
    return found
