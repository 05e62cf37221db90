"""Answers of Ollama's API over real HTTP: streams, failing hosts, images, figures, and the jobs behind them."""

import asyncio
import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import MODEL
from tests.gateway_process import GatewayProcess
from tests.integration.test_multimodal import picture
from tests.service import Service, fresh_name, wait_until

HI = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
CALL = {"id": "call_1", "function": {"index": 0, "name": "f", "arguments": {"city": "<Rome>"}}}
DIED = "an error was encountered while running the model: unexpected EOF"


def read_stream(gateway: GatewayProcess, path: str = "/api/chat", **body: Any) -> list[dict[str, Any]]:
    """The lines of a stream."""
    answer = gateway.http.post(path, json={**HI, **body})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson"), answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def join_text(lines: list[dict[str, Any]]) -> str:
    return "".join(line["message"]["content"] for line in lines if "message" in line)


def test_lines_come_as_the_host_sends_them(gateway: GatewayProcess, service: Service) -> None:
    """The first while the host still holds the others back; thinking, text and calls in lines of their own."""
    gate = service.hold(thinking=["hm"], tokens=["a", "b"], hold_after=1)
    body = {**HI, "model": "smollm2-thinking:135m"}
    with gateway.http.stream("POST", "/api/chat", json=body) as answer:
        lines = answer.iter_lines()
        first = json.loads(next(lines))
        service.ollama.release(gate)
        rest = [json.loads(line) for line in lines]

    assert first["message"] == {"role": "assistant", "content": "", "thinking": "hm"}
    assert join_text(rest) == "ab"
    assert [line["done"] for line in [first, *rest]].count(True) == 1
    assert rest[-1]["done_reason"] == "stop"


def test_calls_of_tools_come_in_one_line(gateway: GatewayProcess, service: Service) -> None:
    """As the host gave them, in Go's letters."""
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
    service.ollama.script(tool_calls=[CALL], times=2)
    asked: dict[str, Any] = {**HI, "model": "smollm2-tools:135m", "tools": tools}

    called, done = read_stream(gateway, **asked)
    whole = gateway.http.post("/api/chat", json={**asked, "stream": False})

    assert called["message"] == whole.json()["message"] == {"role": "assistant", "content": "", "tool_calls": [CALL]}
    assert (called["done"], done["done"], done["done_reason"]) == (False, True, "stop")
    assert r"\u003cRome\u003e" in whole.text
    assert service.list_requests()[0]["tools"] == tools


def test_the_figures_are_the_hosts_and_the_waiting_is_the_callers(gateway: GatewayProcess, service: Service) -> None:
    """Also in the queue: two others hold the slots at first."""
    figures = {"load_duration": 1_064_254, "prompt_eval_count": 7, "prompt_eval_duration": 9_737_000, "eval_count": 3,
               "eval_duration": 67_019_000}  # fmt: skip
    gates = [service.hold(), service.hold()]
    others = [service.queue.generate(MODEL, "x") for _ in gates]
    for gate in gates:
        service.wait_held(gate)
    service.ollama.script(contains="the third", tokens=["a"], final=figures)
    with ThreadPoolExecutor() as threads:
        asking = threads.submit(gateway.http.post, "/api/generate", json={"model": MODEL, "prompt": "the third"})
        wait_until(lambda: len(service.queue.jobs(10, state="queued")) == 1)
        for gate in gates:
            service.ollama.release(gate)
        answer = asking.result()
    for other in others:
        other.result(60)

    last = json.loads(answer.text.splitlines()[-1])
    queued = service.queue.job(answer.headers["X-Llamaq-Job"]).result(60).timings.queued
    assert last["total_duration"] >= queued * 1e9 > 0
    assert {name: last[name] for name in figures} == figures


def test_an_embedding_whose_client_leaves_is_cancelled(gateway: GatewayProcess, service: Service) -> None:
    """Closing the connection is all that a client of Ollama's can do."""
    gate = service.hold()

    async def leave() -> None:
        async with gateway.client() as client:
            body = {"model": "smollm2-embed:135m", "input": "a"}
            asking = asyncio.create_task(client.post("/api/embed", json=body))
            await asyncio.to_thread(service.wait_held, gate)
            asking.cancel()
            await asyncio.wait((asking,))

    asyncio.run(leave())
    service.wait_hung_up()

    wait_until(lambda: service.queue.jobs(1)[0].state == "cancelled")


def test_the_context_goes_in_and_out(gateway: GatewayProcess, service: Service) -> None:
    """The token ids of an answer are the memory of the next request."""
    body = {"model": MODEL, "prompt": "a", "stream": False}
    context = gateway.http.post("/api/generate", json=body).json()["context"]
    gateway.http.post("/api/generate", json={**body, "context": context})

    first, second = service.list_requests()
    assert "context" not in first
    assert second["context"] == context == [1, 4093, 198]


def test_an_image_reaches_the_host(gateway: GatewayProcess, service: Service) -> None:
    """Beside a prompt, and within a message."""
    image = base64.b64encode(picture()).decode()
    model = {"model": "smollm2-vision:135m", "stream": False}
    gateway.http.post("/api/generate", json={**model, "prompt": "What?", "images": [image]}).raise_for_status()
    message = {"role": "user", "content": "What?", "images": [image]}
    gateway.http.post("/api/chat", json={**model, "messages": [message]}).raise_for_status()

    alone, within = service.list_requests()
    assert len(alone["images"]) == len(within["messages"][0]["images"]) == 1


@pytest.mark.parametrize("streamed", [True, False])
def test_a_host_that_fails_before_the_first_piece_is_not_noticed(
    gateway: GatewayProcess, service: Service, *, streamed: bool
) -> None:
    """The queue tries again, and the answer is whole."""
    service.ollama.script(fault="cut", fault_after=0)
    service.ollama.script(tokens=["a", "b"])

    answer = gateway.http.post("/api/chat", json={**HI, "stream": streamed})

    assert answer.status_code == 200
    assert join_text([json.loads(line) for line in answer.text.splitlines()]) == "ab"
    assert len(service.list_requests()) == 2


def test_a_host_that_fails_after_it_ends_the_stream_with_its_error(gateway: GatewayProcess, service: Service) -> None:
    """What was sent cannot be taken back, so nothing is tried again."""
    service.ollama.script(tokens=["a"], fault="error")

    *lines, last = read_stream(gateway)

    assert (join_text(lines), last) == ("a", {"error": DIED})
    assert service.queue.jobs(1)[0].state == "cancelled"
    assert len(service.list_requests()) == 1


def test_a_failure_that_is_final_ends_the_stream_too(gateway: GatewayProcess, service: Service) -> None:
    """What the host sends is no line of Ollama's."""
    service.ollama.script(tokens=["a"], fault="garbage")

    *lines, last = read_stream(gateway)

    assert (join_text(lines), list(last)) == ("a", ["error"])
    assert "not a JSON object" in last["error"]


@pytest.mark.parametrize("model", ["nope", MODEL])
@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("options", {"seed": "x"}, 'option "seed" must be of type integer'),
        ("format", "xml", "invalid format"),
        ("format", {"type": "nosuch"}, "Unrecognized schema"),
        ("images", ["bm8gaW1hZ2U="], "model does not support multimodal requests"),
        ("images", [base64.b64encode(picture()).decode()], "model does not support multimodal requests"),
    ],
)
def test_an_unknown_model_comes_before_what_is_wrong(
    gateway: GatewayProcess, field: str, value: object, error: str, model: str
) -> None:
    """And what a model cannot do, before what is wrong with its images."""
    answer = gateway.http.post("/api/generate", json={"model": model, "prompt": "x", field: value})

    if model == MODEL:
        assert error in answer.json()["error"]
    else:
        assert (answer.status_code, answer.json()) == (404, {"error": "model 'nope' not found"})


def test_without_a_stream_it_is_tried_again(gateway: GatewayProcess, service: Service) -> None:
    """Nothing was sent."""
    service.ollama.script(tokens=["void"], fault="error")
    service.ollama.script(tokens=["a"])

    answer = gateway.http.post("/api/chat", json={**HI, "stream": False})

    assert answer.json()["message"]["content"] == "a"


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/api/chat", HI, "chat"),
        ("/api/chat", {**HI, "stream": False}, "chat"),
        ("/api/generate", {"model": MODEL, "prompt": "a"}, "generate"),
        ("/api/embed", {"model": "smollm2-embed:135m", "input": ["a", "b"]}, "embedding"),
        ("/api/embeddings", {"model": "smollm2-embed:135m", "prompt": "a"}, "embedding"),
        ("/api/generate", {"model": MODEL}, "load"),
        ("/api/chat", {"model": MODEL, "keep_alive": 0}, "unload"),
    ],
)
def test_each_answer_names_its_job(
    gateway: GatewayProcess, service: Service, path: str, body: dict[str, Any], kind: str
) -> None:
    """In a header, by which it is found."""
    answer = gateway.http.post(path, json=body)

    status = service.queue.job(answer.headers["X-Llamaq-Job"]).status()
    assert (answer.status_code, status.kind, status.state) == (200, kind, "completed")


@pytest.mark.parametrize("streamed", [True, False])
def test_a_failed_job_is_named_too(gateway: GatewayProcess, service: Service, *, streamed: bool) -> None:
    """Its log says more than the error."""
    service.ollama.script(status=400, body={"error": "no such thing"})

    answer = gateway.http.post("/api/chat", json={**HI, "stream": streamed})

    assert (answer.status_code, answer.json()) == (400, {"error": "no such thing"})
    assert service.queue.job(answer.headers["X-Llamaq-Job"]).status().state == "failed"


def test_a_model_is_loaded_and_unloaded(gateway: GatewayProcess, service: Service) -> None:
    """For as long as the request says."""
    model = "smollm2-b:135m"
    gateway.http.post("/api/generate", json={"model": model, "keep_alive": 60}).raise_for_status()
    asked = [json.loads(entry["body"]) for entry in service.ollama.stats()["requests"] if model in entry["body"]]
    assert (asked[-1]["model"], asked[-1]["keep_alive"]) == (model, 60)
    before = service.ollama.stats()["unloads"].get(model, 0)

    gateway.http.post("/api/generate", json={"model": model, "keep_alive": 0}).raise_for_status()

    assert service.ollama.stats()["unloads"][model] == before + 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/push"),
        ("POST", "/api/create"),
        ("POST", "/api/copy"),
        ("DELETE", "/api/delete"),
        ("POST", "/api/blobs/sha256:1"),
        ("HEAD", "/api/blobs/sha256:1"),
    ],
)
def test_the_models_of_the_hosts_are_not_changed(gateway: GatewayProcess, method: str, path: str) -> None:
    """403, and one line of JSON."""
    answer = gateway.http.request(method, path, json={"model": MODEL})

    assert answer.status_code == 403
    assert answer.text == "" if method == "HEAD" else "error" in answer.json()


def test_a_full_queue_is_a_busy_server(gateway: GatewayProcess, service: Service) -> None:
    """In Ollama's words, with the time after which there may be room."""
    model = fresh_name()
    with GatewayProcess(service.url, prefix=service.prefix, max_queued=1) as full:
        gates = [service.hold() for _ in range(2)]
        jobs = [service.queue.generate(MODEL, model) for _ in range(3)]
        for gate in gates:
            service.wait_held(gate)
        answer = full.http.post("/api/chat", json=HI)
        for job in jobs:
            job.cancel()

    assert answer.status_code == 503
    assert answer.json() == {"error": "server busy, please try again.  maximum pending requests exceeded"}
    assert int(answer.headers["Retry-After"]) >= 1
