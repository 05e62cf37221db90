"""Sends files and batches to a gateway, and reads what comes of them."""

import json
import time
from collections.abc import Iterable
from typing import Any, Protocol

import httpx

from tests.conftest import MODEL

CHAT = "/v1/chat/completions"
Body = dict[str, Any]
ENDED = {"completed", "failed", "expired", "cancelled"}


class Front(Protocol):
    """Who asks a gateway."""

    http: httpx.Client


def build_line(custom_id: str, url: str = CHAT, **body: Any) -> Body:
    given = body or {"model": MODEL, "messages": [{"role": "user", "content": custom_id}]}
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": given}


def encode_lines(lines: Iterable[Any]) -> str:
    return "".join(json.dumps(each) + "\n" for each in lines)


def post_file(gateway: Front, text: str | bytes, purpose: str = "batch", **fields: str) -> httpx.Response:
    return gateway.http.post("/v1/files", files={"file": ("in.jsonl", text)}, data={"purpose": purpose, **fields})


def upload_lines(gateway: Front, lines: Iterable[Any] | str) -> str:
    """Send a file with these lines: its id."""
    answer = post_file(gateway, lines if isinstance(lines, str) else encode_lines(lines))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def post_batch(gateway: Front, file_id: str, endpoint: str = CHAT, **given: Any) -> httpx.Response:
    asked = {"input_file_id": file_id, "endpoint": endpoint, "completion_window": "24h", **given}
    return gateway.http.post("/v1/batches", json=asked)


def create_batch(gateway: Front, lines: Iterable[Any] | str, endpoint: str = CHAT, **given: Any) -> Body:
    """Begin a batch of these lines, which the gateway takes."""
    answer = post_batch(gateway, upload_lines(gateway, lines), endpoint, **given)
    assert answer.status_code == 200, answer.text
    found: Body = answer.json()
    return found


def get_batch(gateway: Front, batch_id: str) -> Body:
    answer = gateway.http.get(f"/v1/batches/{batch_id}")
    assert answer.status_code == 200, answer.text
    found: Body = answer.json()
    return found


def wait_for_status(gateway: Front, batch_id: str, statuses: Iterable[str] = ENDED, seconds: float = 90) -> Body:
    """Poll a batch, as clients do it, until it has one of these statuses."""
    limit = time.monotonic() + seconds
    while (found := get_batch(gateway, batch_id))["status"] not in statuses:
        assert time.monotonic() < limit, found
        time.sleep(0.05)
    return found


def read_counts(batch: Body) -> tuple[int, int, int]:
    counts = batch["request_counts"]
    return counts["total"], counts["completed"], counts["failed"]


def read_rows(gateway: Front, file_id: str | None) -> dict[str, Body]:
    """Read the lines of a file of results, by their custom_id; each is there once."""
    if file_id is None:
        return {}
    answer = gateway.http.get(f"/v1/files/{file_id}/content")
    assert answer.status_code == 200, answer.text
    found = [json.loads(text) for text in answer.text.splitlines()]
    assert len({row["custom_id"] for row in found}) == len(found)
    return {row["custom_id"]: row for row in found}


def read_text(row: Body) -> str:
    assert row["response"]["status_code"] == 200, row
    return str(row["response"]["body"]["choices"][0]["message"]["content"])
