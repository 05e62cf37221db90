"""What a real Ollama answered to a recorded request, the gateway answers too, before a host that replays it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from embedded.redis import EmbeddedRedis
from tests.gateway.ollama_recordings import LISTS, Recording, extract_essence, list_cases
from tests.gateway_process import GatewayProcess
from tests.service import Service, start_service, wait_until

PAGE = Path(__file__).resolve().parents[2] / "docs" / "http.md"
DIFFERENT = {
    "embed_long_truncate_false": "an embedding of a model that cannot embed",
    "origin_foreign": "a page of another origin (CORS)",
    "options_preflight": "a page of another origin (CORS)",
    "pull_insecure_registry": "`insecure` of a pull",
}
"""The recordings that the gateway answers otherwise, each with the beginning of its row in docs/http.md."""


@pytest.fixture(scope="module")
def shared(redis_server: EmbeddedRedis) -> Iterator[tuple[Service, GatewayProcess]]:
    """A worker that allows what Ollama allows, and a gateway."""
    allowed = {"allow_raw": 1, "pull_allowed": "llama3.2:1b"}
    with (
        start_service(redis_server.url, slots=2, **allowed) as service,
        GatewayProcess(redis_server.url, prefix=service.prefix, max_attempts=1) as gateway,
    ):
        yield service, gateway


@pytest.fixture
def front(shared: tuple[Service, GatewayProcess]) -> Iterator[tuple[Service, GatewayProcess]]:
    """The same, idle, and left idle."""
    service, gateway = shared
    with service.apart():
        yield service, gateway


def _agrees(answer: httpx.Response, recording: Recording) -> bool:
    return extract_essence(answer.status_code, answer.headers, answer.text) == recording.extract_essence()


@pytest.mark.parametrize("case", [case for case in list_cases() if Recording(case).path not in LISTS])
def test_a_recorded_request_is_answered_as_it_was(front: tuple[Service, GatewayProcess], case: str) -> None:
    """Same status, content type, fields, types and text; no more differs than the documentation's table has."""
    service, gateway = front
    recording = Recording(case)
    service.ollama.script(*recording.build_scripts())

    answer = recording.send(gateway.http)

    assert _agrees(answer, recording) is (case not in DIFFERENT), f"{answer.text}\n{recording.body}"


@pytest.mark.parametrize("case", [case for case in list_cases() if Recording(case).path in LISTS])
def test_a_recorded_list_is_passed_on_byte_by_byte(front: tuple[Service, GatewayProcess], case: str) -> None:
    """Once a probe has seen it. A host's models have fields that no program here knows."""
    service, gateway = front
    recording = Recording(case)
    others = [Recording(other) for other in ("tags", "show", "show_tools")]
    service.ollama.script(*recording.build_scripts(), *(script for other in others for script in other.build_scripts()))

    answer = recording.send(gateway.http)

    def is_passed_on() -> bool:
        nonlocal answer
        answer = recording.send(gateway.http)
        return answer.text == recording.body

    wait_until(is_passed_on)
    assert _agrees(answer, recording)


def test_what_differs_is_documented() -> None:
    """Each in a row of the table, which begins with what it is about."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]

    assert all(any(row.startswith(f"| {about} ") for row in rows) for about in DIFFERENT.values())
