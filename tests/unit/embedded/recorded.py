"""Plays a recorded request against a server and reduces answers to what must agree: status, type, shape, wording."""

import http.client
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_RECORDINGS = Path(__file__).resolve().parents[2] / "recordings"
_SERVED = {"/", "/api/version", "/api/tags", "/api/tags/", "/api/ps", "/api/show", "/api/generate", "/api/chat",
           "/api/embed", "/api/embeddings", "/api/nosuch"}  # fmt: skip
# Not of one request; or showing what an earlier request left in memory; or a fault that was staged.
_NOT_ALONE = re.compile(r"ps_(?!before)|midstream|_next$|server_down|options_preflight|logprobs|blob_|queue_|v1_|perf_")
# Names that are data, not shape.
_OPAQUE = {"model_info", "tensors", "details", "arguments", "license"}


def cases() -> list[str]:
    """The recordings that one request to a fresh server can repeat."""
    return [path.stem for path in sorted(_RECORDINGS.glob("*.json")) if _is_repeatable(path)]


def _is_repeatable(path: Path) -> bool:
    if _NOT_ALONE.search(path.stem):
        return False
    recording = json.loads(path.read_text())
    return "request" in recording and recording["request"]["path"] in _SERVED


def load(case: str) -> dict[str, Any]:
    """A recording."""
    recording: dict[str, Any] = json.loads((_RECORDINGS / f"{case}.json").read_text())
    return recording


def model_of(case: str) -> str:
    """The model a recorded request names, in small letters."""
    found = re.search(r'"model": ?"([^"]*)"', load(case)["request"]["body"] or "")
    return found[1].lower() if found else ""


def replay(url: str, case: str, seconds: float = 90.0) -> dict[str, Any]:
    """Send the recorded request; the answer in a recording's form."""
    request = load(case)["request"]
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=seconds)
    try:
        connection.request(request["method"], request["path"], _whole_body(case), request["headers"])
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    return {"status": response.status, "headers": list(response.headers.items()), "body": text}


def _whole_body(case: str) -> bytes | None:
    """The recorder kept 20,000 characters of a body; the few longer ones all end in one repeated word."""
    body = load(case)["request"]["body"]
    if body is None:
        return None
    if len(body) == 20_000:
        body += '", "truncate": false}' if "trunc_false" in case or "truncate_false" in case else '"}'
    return bytes(body.encode())


def essence(answer: dict[str, Any]) -> dict[str, Any]:
    """What has to agree between a recording and its replay."""
    headers = {name.lower(): value for name, value in answer["headers"]}
    kept = {name: headers.get(name) for name in ("content-type", "allow", "location")}
    return {"status": answer["status"], **kept, "body": _body(answer["body"], headers.get("content-type") or "")}


def _body(text: str, content_type: str) -> object:
    if not content_type.startswith("application/"):
        return text
    lines = [_shape(json.loads(line)) for line in text.splitlines() if line]
    # How many tokens there are is the model's business; that there is one and a last line is not.
    return [lines[0], lines[-1]] if "ndjson" in content_type else lines


def _shape(value: object, name: str = "") -> object:
    if name == "error":
        return re.sub(r"\d{2,}", "N", str(value))
    if name == "done_reason":
        return value if value in ("load", "unload") else "an end"
    if isinstance(value, dict):
        return "object" if name in _OPAQUE else {key: _shape(item, key) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return "list" if name in _OPAQUE else [_shape(item) for item in value[:1]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
