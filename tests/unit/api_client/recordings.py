"""Answers recorded from a real Ollama, and scripts that give them again over HTTP."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.unit.api_client.scripted_server import Script, Visit

FOLDER = Path(__file__).parents[2] / "recordings"


@dataclass(frozen=True)
class Recorded:
    """One recorded answer: status None where nobody listened."""

    method: str
    path: str
    status: int | None
    headers: tuple[tuple[str, str], ...]
    chunks: tuple[bytes, ...]

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def chunked(self) -> bool:
        return ("Transfer-Encoding", "chunked") in self.headers

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.body.splitlines() if line.strip()]

    def is_fault(self) -> bool:
        """Whether a client must raise for this answer."""
        if self.status is None or self.status >= 300 or b'{"error"' in self.body:
            return True
        kind = dict(self.headers).get("Content-Type", "")
        if kind == "text/event-stream":
            return b"data: [DONE]" not in self.body
        return kind == "application/x-ndjson" and b'"done":true' not in self.body

    def make_script(self) -> Script:
        """Make a script that gives the answer with its status, headers and chunks as recorded."""

        def play(visit: Visit) -> None:
            assert self.status is not None
            visit.head(self.status, *self.headers)
            for chunk in self.chunks:
                visit.chunk(chunk) if self.chunked else visit.send(chunk)
            if self.chunked:
                visit.end_stream()
            elif len(self.body) < int(dict(self.headers).get("Content-Length", "0")):
                visit.cut()  # a HEAD was recorded: length, but no body

        return play


def load_answers(case: str) -> list[Recorded]:
    """Load all answers of one recording file; empty where it holds measurements only."""
    data = json.loads((FOLDER / f"{case}.json").read_text())
    if "half_close" in data:
        return [_parse_tail(data["half_close"]["tail"])]
    request = data.get("request") or {"method": "POST", "path": "/api/generate"}
    return [_parse_answer(request, one) for one in data.get("results", [data]) if "headers" in one]


def find_fault(case: str) -> Recorded:
    """Find the first answer of a recording that is a fault; of eight requests at once, the first that was refused."""
    return next(one for one in load_answers(case) if one.is_fault())


def list_faulty_cases() -> set[str]:
    """List the names of all recordings that hold a fault."""
    return {path.stem for path in FOLDER.glob("*.json") if any(one.is_fault() for one in load_answers(path.stem))}


def _parse_answer(request: dict[str, Any], data: dict[str, Any]) -> Recorded:
    chunks = [text for _, text in data.get("chunks") or []] or ([data["body"]] if data["body"] else [])
    headers = tuple((name, value) for name, value in data["headers"])
    return Recorded(
        request["method"], request["path"], data["status"], headers, tuple(chunk.encode() for chunk in chunks)
    )


def _parse_tail(raw: str) -> Recorded:
    """Parse the whole lines out of the end of a chunked body that was recorded as raw bytes."""
    lines = [line + "\n" for line in raw.split("\n") if line.startswith("{")]
    headers = (("Content-Type", "application/x-ndjson"), ("Transfer-Encoding", "chunked"))
    return Recorded("POST", "/api/generate", 200, headers, tuple(line.encode() for line in lines))
