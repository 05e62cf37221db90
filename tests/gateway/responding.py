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


def post_response(gateway: GatewayProcess, given: Any = "hi", **parameters: Any) -> httpx.Response:
    return gateway.http.post(PATH, json={"model": MODEL, "input": given, **parameters})


def create_response(gateway: GatewayProcess, given: Any = "hi", **parameters: Any) -> Body:
    """Ask for a response, which the gateway takes."""
    return read_body(post_response(gateway, given, **parameters))


def get_response(gateway: GatewayProcess, response_id: str, part: str = "", **query: Any) -> Body:
    return read_body(gateway.http.get(f"{PATH}/{response_id}{part}", params=query))


def read_body(answer: httpx.Response) -> Body:
    assert answer.status_code == 200, answer.text
    found: Body = answer.json()
    return found


def wait_for_end(gateway: GatewayProcess, response_id: str) -> Body:
    """Poll a response, as clients do it, until it has ended."""
    found: list[Body] = []

    def has_ended() -> bool:
        found.append(get_response(gateway, response_id))
        return found[-1]["status"] not in {"queued", "in_progress"}

    wait_until(has_ended)
    return found[-1]


def parse_events(text: str) -> list[Body]:
    """Parse a stream; the `event:` of each event is its type."""
    found = []
    for block in text.split("\n\n"):
        if block.startswith("event: "):
            kind, data = block.rstrip().split("\n")
            found.append(json.loads(data.removeprefix("data: ")))
            assert found[-1]["type"] == kind.removeprefix("event: ")
    return found


def read_stream(gateway: GatewayProcess, response_id: str, after: int | None = None) -> list[Body]:
    """Read all that a stream has behind an event, to its end."""
    query: Body = {"stream": "true"} | ({} if after is None else {"starting_after": after})
    answer = gateway.http.get(f"{PATH}/{response_id}", params=query)
    assert answer.status_code == 200, answer.text
    return parse_events(answer.text)


@contextmanager
def open_stream(gateway: GatewayProcess, **parameters: Any) -> Iterator[Iterator[Body]]:
    """Stream a new response, event by event."""
    given = {"model": MODEL, "input": "hi", "stream": True, **parameters}
    with gateway.http.stream("POST", PATH, json=given) as answer:
        assert answer.status_code == 200, answer.read()
        lines = (json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data: "))
        yield lines


def join_text(response: Body) -> str:
    """Join the text, as OpenAI's clients do."""
    parts = [part for item in response["output"] if item["type"] == "message" for part in item["content"]]
    return "".join(part["text"] for part in parts)


def join_item_texts(events: list[Body]) -> dict[str, str]:
    """Join the text of each item out of its pieces."""
    found: dict[str, str] = {}
    for event in events:
        if event["type"] == "response.output_text.delta":
            found[event["item_id"]] = found.get(event["item_id"], "") + event["delta"]
    return found
