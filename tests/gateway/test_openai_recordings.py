"""What a real Ollama answered under `/v1`, the gateway answers too, before a host that replays it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.script import Script
from tests.gateway.ollama_recordings import FOLDER, Recording
from tests.gateway_process import GatewayProcess
from tests.service import Service, start_service, wait_until

PAGE = Path(__file__).resolve().parents[2] / "docs" / "http.md"
TEXTS = "the texts of errors"
DIFFERENT = {
    "midstream_error_runner_killed_v1": "a host that fails within a stream",
    "v1_chat_image_nonvision": TEXTS,
    "v1_chat_malformed": TEXTS,
    "v1_chat_no_messages": TEXTS,
    "v1_chat_unknown_model": TEXTS,
    "v1_models_one_unknown": TEXTS,
}
"""The recordings that the gateway answers otherwise, each with the beginning of its row in docs/http.md."""
DIED = "an error was encountered while running the model: unexpected EOF"
CASES = sorted(
    path.stem
    for path in FOLDER.glob("*.json")
    if json.loads(path.read_text()).get("request", {}).get("path", "").startswith("/v1/")
)


@pytest.fixture(scope="module")
def shared(redis_server: EmbeddedRedis) -> Iterator[tuple[Service, GatewayProcess]]:
    """A service and a gateway. The host lists the models that were recorded."""
    with (
        start_service(redis_server.url, slots=2) as service,
        GatewayProcess(redis_server.url, prefix=service.prefix) as gateway,
    ):
        yield service, gateway


@pytest.fixture
def front(shared: tuple[Service, GatewayProcess]) -> Iterator[tuple[Service, GatewayProcess]]:
    """The same, idle, and left idle."""
    service, gateway = shared
    with service.apart():
        yield service, gateway


@pytest.mark.parametrize("case", CASES)
def test_a_recorded_request_is_answered_as_it_was(front: tuple[Service, GatewayProcess], case: str) -> None:
    """Same status, content type, fields, types and text; no more differs than the documentation's table has."""
    service, gateway = front
    recording = Recording(case)
    service.ollama.script(*_build_scripts(recording))
    if recording.path == "/v1/models":  # once a probe has seen them
        wait_until(lambda: recording.send(gateway.http).json() == json.loads(recording.body))

    answer = recording.send(gateway.http)

    assert _agrees(answer, recording) is (case not in DIFFERENT), f"{answer.text}\n{recording.body}"
    assert answer.status_code == recording.status


def test_what_differs_is_documented() -> None:
    """Each in a row of the table, which begins with what it is about."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]

    assert all(any(row.startswith(f"| {about} |") for row in rows) for about in DIFFERENT.values())


def _build_scripts(recording: Recording) -> list[Script]:
    """What makes a host give the answer natively; none where it is not asked."""
    if recording.status != 200:
        return []
    answers = _parse_answers(recording.body)
    match recording.path:
        case "/v1/models":
            entry = Recording("tags").parse_lines()[0]["models"][0]
            offered = answers[0]["data"]
            named = [{"name": one["id"], "model": one["id"], "modified_at": _render_time(one)} for one in offered]
            return [Script(path="/api/tags", times=None, status=200, body={"models": [entry | one for one in named]})]
        case "/v1/embeddings":
            vectors = [each["embedding"] for each in answers[0]["data"]]
            body: Any = {"embeddings": vectors, "prompt_eval_count": answers[0]["usage"]["prompt_tokens"]}
            return [Script(path="/api/embed", status=200, body=body)]
    parts = [choice.get("message") or choice["delta"] for answer in answers for choice in answer["choices"]]
    ends = [choice["finish_reason"] for answer in answers for choice in answer["choices"] if choice["finish_reason"]]
    texts = [part["content"] for part in parts if part.get("content")]
    used: dict[str, int] = next((answer["usage"] for answer in answers if answer.get("usage")), {})
    figures = {"prompt_eval_count": used.get("prompt_tokens", 1), "eval_count": used.get("completion_tokens", 1)}
    if not ends:
        return [Script(path="/api/chat", tokens=texts, fault="error", error=DIED)]
    return [Script(path="/api/chat", tokens=texts, done_reason=ends[0], final=figures)]


def _render_time(model: dict[str, Any]) -> str:
    return datetime.fromtimestamp(model["created"], UTC).isoformat()


def _agrees(answer: httpx.Response, recording: Recording) -> bool:
    return _extract_essence(answer.headers, answer.text) == _extract_essence(recording.headers, recording.body)


def _extract_essence(headers: Any, body: str) -> dict[str, Any]:
    """The type, the names and types of members, and the text; without nulls, however a text is cut into chunks."""
    answers = _parse_answers(body)
    choices = [choice for answer in answers for choice in answer.get("choices", ())]
    parts = [choice.get("message") or choice["delta"] for choice in choices]
    return {
        "type": headers.get("content-type"),
        "members": sorted({json.dumps(_shape(answer)) for answer in answers if not answer.get("choices")}),
        "heads": sorted({json.dumps(_shape({**answer, "choices": []})) for answer in answers if answer.get("choices")}),
        "text": "".join(part.get("content") or "" for part in parts),
        "roles": [part["role"] for part in parts if "role" in part],
        "ends": [choice["finish_reason"] for choice in choices if choice["finish_reason"]],
        "done": body.rstrip().endswith("[DONE]"),
        "errors": [answer["error"] for answer in answers if "error" in answer],
    }


def _parse_answers(body: str) -> list[dict[str, Any]]:
    if not body.startswith((":", "data:")):
        return [json.loads(body)]
    frames = [line.removeprefix("data: ") for line in body.splitlines() if line.startswith("data: ")]
    return [json.loads(frame) for frame in frames if frame != "[DONE]"]


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shape(item) for name, item in sorted(value.items()) if item is not None}
    if isinstance(value, list):
        return [_shape(item) for item in value[:1]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
