"""Recorded requests through a gateway and a worker to a model that is really run."""

import re
from collections.abc import Iterator

import pytest

from embedded.ollama.process import EmbeddedOllama
from embedded.redis import EmbeddedRedis
from embedded.weights import fetch_weights
from llamaq import JobQueue
from tests.conftest import MODEL
from tests.gateway.clients.program import ClientFailed
from tests.gateway.clients.starting import start_program
from tests.gateway.ollama_recordings import JOBS, Recording, extract_essence, list_cases
from tests.gateway_process import GatewayProcess
from tests.service import fresh_name
from tests.worker_process import WorkerProcess

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]
# Hundreds of tokens each; and what differs, or is not of one model.
_OTHERS = re.compile(
    r"ctx_overflow|num_predict_(0|neg)|long_|stop_sequence|midstream|logprobs|embed_long|seed_|pull|options_preflight"
)


@pytest.fixture(scope="module")
def gateway(redis_server: EmbeddedRedis) -> Iterator[GatewayProcess]:
    """Before a worker and the demo's own model."""
    prefix = f"test-{fresh_name()[:12]}"
    with (
        JobQueue(redis_server.url, prefix=prefix) as queue,
        EmbeddedOllama.start(fetch_weights(), preload=True, threads=1) as ollama,
        WorkerProcess(redis_server.url, ollama.url, prefix=prefix, slots=1, allow_raw=1) as worker,
        GatewayProcess(redis_server.url, prefix=prefix) as gateway,
    ):
        worker.start().ready(queue)
        yield gateway


def _repeatable(case: str) -> bool:
    recording = Recording(case)
    model = str(recording.request_object.get("model", MODEL)).lower()
    return recording.path in JOBS and model == MODEL and not _OTHERS.search(case)


@pytest.mark.parametrize("case", [case for case in list_cases() if _repeatable(case)])
def test_a_real_model_answers_in_the_recorded_form(gateway: GatewayProcess, case: str) -> None:
    """Same status, content type, fields and types; what it says is the model's business."""
    recording = Recording(case)

    answer = recording.send(gateway.http)

    found, wanted = extract_essence(answer.status_code, answer.headers, answer.text), recording.extract_essence()
    if recording.status == 200:
        for one in (found, wanted):
            one.pop("text")
            for line in one["lines"]:
                line["done_reason"] = line.get("done_reason") in ("load", "unload")
    assert found == wanted


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("ollama_python.py", marks=pytest.mark.needs("package index")),
        pytest.param("ollama_node.mjs", marks=pytest.mark.needs("npm", "npm registry")),
    ],
)
def test_ollamas_clients(gateway: GatewayProcess, program: str) -> None:
    """Whole and streamed, with the figures of a model that is really run; an error has its status."""
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "options": {"num_predict": 8}}
    with start_program(gateway.url, program, "ollama") as client:
        whole = client.call("ask", method="chat", **asked)
        lines = client.call("stream", method="chat", **asked)
        assert [model["model"] for model in client.call("ask", method="list")["models"]] == [MODEL]
        assert whole["message"]["content"]
        assert "".join(line["message"]["content"] for line in lines)
        assert 0 < whole["eval_count"] <= 8
        assert lines[-1]["prompt_eval_count"] == whole["prompt_eval_count"] > 0
        with pytest.raises(ClientFailed) as raised:
            client.call("ask", method="chat", **{**asked, "model": "nope"})
        assert (raised.value.error["status"], "model 'nope' not found" in raised.value.error["text"]) == (404, True)
