"""Streams of chat completions that wait, fail, are tried again, or lose their reader."""

import json
import time
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest

from tests.conftest import MODEL
from tests.gateway_process import GatewayProcess
from tests.service import Service, fresh_name

PATH = "/v1/chat/completions"
ASKED = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "stream": True}


def read_frames(answer: httpx.Response) -> list[str]:
    """What stands between the blank lines, read to the end."""
    answer.read()
    return answer.text.removesuffix("\n\n").split("\n\n")


def join_text(parts: list[str]) -> str:
    """The text of a stream's chunks."""
    chunks = [json.loads(part.removeprefix("data: ")) for part in parts if part.startswith('data: {"id"')]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def ask(gateway: GatewayProcess, **parameters: Any) -> httpx.Response:
    return gateway.http.post(PATH, json={**ASKED, **parameters})


def test_a_stream_that_waits_tells_its_place(gateway: GatewayProcess, service: Service) -> None:
    """A comment for each place, before the first chunk; both slots are taken, and one job is ahead."""
    gates = [service.hold(tokens=["x"]) for _ in range(2)]
    running = [service.queue.generate(MODEL, "x") for _ in gates]
    service.wait_requests(2)
    ahead = service.queue.generate(MODEL, "ahead")
    with gateway.http.stream("POST", PATH, json=ASKED) as answer:
        lines = answer.iter_lines()
        assert next(lines) == ": queued 1"
        for gate in gates:
            service.ollama.release(gate)
        rest = list(lines)
    assert rest[-2] == "data: [DONE]"
    assert [job.result(timeout=60).text for job in running] == ["x", "x"]
    ahead.result(timeout=60)


def test_a_failure_before_the_first_piece_has_a_status(gateway: GatewayProcess, service: Service) -> None:
    """Also where a stream was asked for: a client need not look into the stream for it."""
    service.ollama.script(status=400, body={"error": "no such thing"})
    answer = ask(gateway)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_request")
    assert "no such thing" in error["message"]
    assert service.queue.job(answer.headers["x-llamaq-job"]).status().state == "failed"


def test_a_failure_in_the_middle_is_a_frame(gateway: GatewayProcess, service: Service) -> None:
    """The stream has an error in OpenAI's form in place of its end, and no [DONE]."""
    gate = fresh_name()
    service.ollama.script(tokens=["Hi"], fault="garbage", hold=gate, hold_after=1)
    with gateway.http.stream("POST", PATH, json=ASKED) as answer:
        lines = answer.iter_lines()
        assert any('"content":"Hi"' in line for line in lines)
        service.ollama.release(gate)
        rest = [line for line in lines if line]
    (last,) = rest
    error = json.loads(last.removeprefix("data: "))["error"]
    assert error["code"] == "ollama_error"
    assert set(error) == {"message", "type", "param", "code"}


def test_an_attempt_that_fails_before_the_first_piece_is_not_seen(gateway: GatewayProcess, service: Service) -> None:
    """Nothing was sent yet, so the next attempt is the stream."""
    service.ollama.script(status=503, body={"error": "server busy"})
    service.ollama.script(tokens=["Hi"])
    found = read_frames(ask(gateway))
    assert (join_text(found), found[-1]) == ("Hi", "data: [DONE]")


def test_an_attempt_that_fails_in_the_middle_ends_the_stream(gateway: GatewayProcess, service: Service) -> None:
    """What was sent is void and cannot be taken back; the job ends with the stream."""
    gate = fresh_name()
    service.ollama.script(tokens=["Old"], fault="cut", hold=gate, hold_after=1)
    with gateway.http.stream("POST", PATH, json=ASKED) as answer:
        lines = answer.iter_lines()
        assert any("Old" in line for line in lines)
        service.ollama.script(tokens=["New"], hold=(again := fresh_name()))
        service.ollama.release(gate)
        rest = [line for line in lines if line.startswith("data: ")]
    (last,) = rest
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "restarted"
    job = service.queue.job(answer.headers["x-llamaq-job"])
    assert list(job.events())[-1].type == "cancelled"
    service.ollama.release(again)


@pytest.mark.parametrize("case", ["whole", "before the first piece", "between pieces"])
def test_a_client_that_leaves_cancels_its_job(gateway: GatewayProcess, service: Service, case: str) -> None:
    """While it waits for a whole answer, for the first piece, or for the next one; the host's connection is closed."""
    between = case == "between pieces"
    service.ollama.script(tokens=["a", "b"], hold=(gate := fresh_name()), hold_after=int(between))
    client = HTTPConnection(gateway.url.removeprefix("http://"))
    client.request("POST", PATH, json.dumps({**ASKED, "stream": case != "whole"}))
    service.wait_held(gate)
    if between:
        answer = client.getresponse()
        while b'"a"' not in answer.readline():
            pass
        answer.close()
    client.close()
    service.wait_hung_up()


def test_a_stream_carries_all_that_an_answer_has(gateway: GatewayProcess, service: Service) -> None:
    """Thinking, text and log probabilities, of a model that thinks."""
    tokens = [{"token": "4", "logprob": -0.1, "bytes": [52]}]
    service.ollama.script(thinking=["2 + 2"], tokens=["4"], final={"logprobs": tokens})
    found = read_frames(ask(gateway, model="smollm2-thinking:135m", reasoning_effort="low", logprobs=True))
    chunks = [json.loads(part.removeprefix("data: ")) for part in found if part.startswith('data: {"id"')]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert "".join(choice["delta"].get("reasoning", "") for choice in choices) == "2 + 2"
    assert join_text(found) == "4"
    entries = [entry for choice in choices for entry in (choice["logprobs"] or {}).get("content", ())]
    assert entries == [{**tokens[0], "top_logprobs": []}]
    asked = service.list_requests("/api/chat")[0]
    assert (asked["think"], asked["logprobs"]) == ("low", True)


def test_a_slow_start_opens_the_stream(gateway: GatewayProcess, service: Service) -> None:
    """After some patience the stream begins with a comment, so that no proxy takes it for dead."""
    gate = service.hold(tokens=["Hi"])
    begun = time.monotonic()
    with gateway.http.stream("POST", PATH, json=ASKED) as answer:
        lines = answer.iter_lines()
        first = next(lines)
        assert time.monotonic() - begun >= 1
        service.ollama.release(gate)
        rest = [line for line in lines if line]
    assert first.startswith(": ")
    assert (join_text(rest), rest[-1]) == ("Hi", "data: [DONE]")
