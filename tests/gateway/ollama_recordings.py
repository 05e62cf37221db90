"""Recordings of a real Ollama: the request, scripts by which a host replays the answer, and what must agree."""

import json
from pathlib import Path
from typing import Any

import httpx

from embedded.scripted.script import Script

FOLDER = Path(__file__).resolve().parents[1] / "recordings"
JOBS = ("/api/generate", "/api/chat", "/api/embed", "/api/embeddings", "/api/pull")
LISTS = ("/api/tags", "/api/ps", "/api/show")
_SERVED = (*JOBS, *LISTS, "/", "/api/version", "/api/tags/", "/api/nosuch")
KEPT_CHARACTERS = 20_000
"""Of a body, by the recorder."""


class Recording:
    """One recorded request with its answer.

    Attributes:
        case: its name.
        request: `method`, `path`, `headers` and `body`.
        status: of HTTP.
        headers: of the answer, by their names in small letters.
        body: of the answer.
    """

    def __init__(self, case: str) -> None:
        found = json.loads((FOLDER / f"{case}.json").read_text())
        self.case = case
        self.request: dict[str, Any] = found["request"]
        self.status: int = found["status"]
        self.headers = {name.lower(): value for name, value in found["headers"]}
        self.body: str = found["body"]

    @property
    def path(self) -> str:
        """Of the request."""
        return str(self.request["path"])

    @property
    def request_object(self) -> dict[str, Any]:
        """The body of the request, where it is an object."""
        try:
            value = json.JSONDecoder().raw_decode(self.request_text)[0]
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def request_text(self) -> str:
        """The body of the request: the few that the recorder has cut end in one repeated word."""
        body: str = self.request["body"] or ""
        if len(body) == KEPT_CHARACTERS and self.path.startswith("/v1/"):
            body += '"}], "stream": true}'
        elif len(body) == KEPT_CHARACTERS:
            body += '", "truncate": false}' if "trunc_false" in self.case or "truncate_false" in self.case else '"}'
        return body

    def parse_lines(self) -> list[dict[str, Any]]:
        """Parse the lines of the answer."""
        return [json.loads(line) for line in self.body.splitlines() if line.strip()]

    def build_scripts(self) -> list[Script]:
        """Build what makes a scripted host replay it: a worker always asks for a stream."""
        path, body = self.path, self.body
        if path in LISTS and self.status == 200 and body:
            model = self.request_object.get("model")
            return [Script(path=path, model=model, times=None, status=200, body=body)]
        if path not in JOBS or self.request["method"] != "POST":
            return []
        if self.status == 200 and path == "/api/embeddings":
            path, body = "/api/embed", json.dumps({"embeddings": [json.loads(self.body)["embedding"]]})
        elif self.status == 200 and path in JOBS[:2] and self.request_object.get("stream") is False:
            body = _render_stream(self.parse_lines()[0])
        kind = "application/json" if self.status != 200 else "application/x-ndjson"
        return [Script(path=path, times=None, status=self.status, body=body, headers={"Content-Type": kind})]

    def send(self, client: httpx.Client) -> httpx.Response:
        """Send the request to another server."""
        headers = {"Accept-Encoding": "identity", **self.request["headers"]}
        content = self.request_text.encode() if self.request["body"] is not None else None
        return client.request(self.request["method"], self.path, headers=headers, content=content)

    def extract_essence(self) -> dict[str, Any]:
        """Extract what must agree."""
        return extract_essence(self.status, self.headers, self.body)


def list_cases() -> list[str]:
    """List the recordings of one request whose path the gateway serves, by their names."""
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        recording = json.loads(path.read_text())
        served = "request" in recording and recording["request"]["path"] in _SERVED and recording["status"] is not None
        if served:
            found.append(path.stem)
    return found


def extract_essence(status: int, headers: Any, body: str) -> dict[str, Any]:
    """Extract status, types, names of fields and their types, and the text; figures and times are of the run."""
    kind = headers.get("content-type")
    kept = {name: headers.get(name) for name in ("content-type", "allow", "location")}
    if not str(kind).startswith("application/"):
        return {"status": status, **kept, "body": body}
    lines = [json.loads(line) for line in body.splitlines() if line.strip()]
    shapes = [_reduce_to_shape(line) for line in lines]
    ends = shapes if len(shapes) < 3 else [shapes[0], shapes[-1]]
    return {"status": status, **kept, "lines": ends, "text": "".join(_join_texts(line) for line in lines)}


def _join_texts(line: dict[str, Any]) -> str:
    message = line.get("message") or {}
    calls = [json.dumps(call["function"], sort_keys=True) for call in message.get("tool_calls", ())]
    return "".join([line.get("response", ""), message.get("content", ""), line.get("error", ""), *calls])


def _reduce_to_shape(value: Any, name: str = "") -> Any:
    if name in ("error", "model", "done", "done_reason", "role", "status"):
        return value
    if isinstance(value, dict):
        return {key: _reduce_to_shape(item, key) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [_reduce_to_shape(item) for item in value[:1]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def _render_stream(whole: dict[str, Any]) -> str:
    """Render the answer as Ollama streams it: what was said in lines, and the figures in the last one."""
    begin = {name: whole[name] for name in ("model", "created_at")}
    logprobs = whole.pop("logprobs", None)
    beside: dict[str, Any] = {"logprobs": logprobs} if logprobs else {}
    said: dict[str, Any] = {name: whole[name] for name in ("message", "response", "thinking") if name in whole}
    empty: dict[str, Any] = {"response": ""}
    if "message" in whole:
        empty = {"message": {"role": "assistant", "content": ""}}
    piece: dict[str, Any] = {**begin, **said, "done": False, **beside}
    lines = [piece, whole | empty]
    return "".join(json.dumps(line) + "\n" for line in lines)
