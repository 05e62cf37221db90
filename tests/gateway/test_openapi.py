"""The jobs API does what its OpenAPI page says, whatever it is sent: schemathesis makes the requests."""

import json
import logging
import re
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import MODEL
from tests.gateway_process import GatewayProcess
from tests.service import Service, fresh_name

EXAMPLES = settings(
    max_examples=12,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
OPERATIONS = [
    "GET /conversations",
    "GET /conversations/{name}",
    "PATCH /conversations/{name}",
    "DELETE /conversations/{name}",
    "POST /conversations/{name}/fork",
    "PATCH /conversations/{name}/turns/{turn}",
    "GET /healthz",
    "GET /hosts",
    "GET /jobs",
    "POST /jobs",
    "GET /jobs/{job_id}",
    "DELETE /jobs/{job_id}",
    "POST /jobs/{job_id}/cancel",
    "GET /jobs/{job_id}/events",
    "POST /jobs/{job_id}/replay",
    "GET /jobs/{job_id}/result",
    "GET /models",
    "GET /workers",
    "POST /pause",
    "POST /drain",
    "POST /resume",
    "GET /readyz",
]
logging.getLogger("schemathesis").setLevel(logging.ERROR)


@pytest.fixture
def document(gateway: GatewayProcess) -> dict[str, Any]:
    """The page."""
    found: dict[str, Any] = gateway.http.get("/openapi.json").json()
    return found


def test_the_page_has_every_operation(document: dict[str, Any]) -> None:
    """And those of the other dialects have pages of their own makers."""
    found = [f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods]

    assert sorted(found) == sorted(OPERATIONS)


def test_the_page_speaks_of_json(gateway: GatewayProcess) -> None:
    """Descriptions come from docstrings, but no word of Python is in them."""
    assert re.findall(r"\b(?:None|True|False)\b.{0,60}", gateway.http.get("/openapi.json").text) == []


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_request_is_a_fault_of_the_gateway(
    gateway: GatewayProcess, service: Service, document: dict[str, Any], operation: str
) -> None:
    """Right and wrong requests of every route: no 500, and every error has the form of the jobs API."""
    method, path = operation.split(" ", 1)
    job = {"kind": "generate", "model": MODEL, "prompt": "Hi."}
    known = gateway.http.post("/jobs", json=job).json()["id"]
    schema = schemathesis.openapi.from_dict(document)

    @EXAMPLES
    @given(case=schema[path][method].as_strategy(), real=st.booleans())
    def check(case: Any, real: bool) -> None:
        if "job_id" in (case.path_parameters or {}):
            there = gateway.http.post("/jobs", json=job).json()["id"] if method == "DELETE" else known
            case.path_parameters["job_id"] = there if real else "no/such job"
        case.headers = {**(case.headers or {}), "Prefer": "wait=0"}
        answer = case.call(base_url=gateway.url, timeout=30)
        assert answer.status_code != 500, answer.text
        if answer.status_code >= 400:
            assert answer.json()["error"].keys() >= {"code", "message"}
        assert find_differences(document, operation, answer) == []

    check()


def find_differences(document: dict[str, Any], operation: str, answer: Any) -> list[str]:
    """What differs in an answer from the schema that the page has for its status."""
    method, path = operation.split(" ", 1)
    described = document["paths"][path][method.lower()]["responses"]
    content = described.get(str(answer.status_code), described["default"]).get("content", {})
    if "application/json" not in content:
        return []
    schema = {**content["application/json"]["schema"], "components": document["components"]}
    return [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(answer.json())]


@pytest.mark.parametrize("kind", ["generate", "chat", "extraction", "embedding"])
def test_what_a_job_became_is_as_the_page_says(
    gateway: GatewayProcess, service: Service, document: dict[str, Any], kind: str
) -> None:
    """The status, the result, the lists, and every event of a job of each kind; none of its fields is unknown there."""
    bodies: dict[str, dict[str, Any]] = {
        "generate": {"prompt": "Hi."},
        "chat": {"conversation": fresh_name(), "message": "Hi."},
        "extraction": {"prompt": "Which?", "schema": {"type": "object"}},
        "embedding": {"input": "a", "model": "smollm2-embed:135m"},
    }
    given = bodies[kind]
    service.ollama.script(**({"embeddings": [[0.5]]} if kind == "embedding" else {"tokens": ["{", "}"]}))
    job = {"kind": kind, "model": MODEL, **given}
    submitted = gateway.http.post("/jobs", json=job, headers={"Prefer": "wait=30"})
    status, named = submitted.json(), given.get("conversation")
    paths = {"/jobs/{job_id}": "", "/jobs/{job_id}/result": "/result"}
    answers = {f"GET {path}": gateway.http.get(f"/jobs/{status['id']}{end}") for path, end in paths.items()}
    answers |= {f"GET {path}": gateway.http.get(path) for path in ("/jobs", "/models", "/hosts", "/conversations")}
    answers |= {"GET /conversations/{name}": gateway.http.get(f"/conversations/{named}")} if named else {}

    assert status["state"] == "completed"
    for operation, answer in {"POST /jobs": submitted, **answers}.items():
        assert answer.status_code < 300
        assert find_differences(document, operation, answer) == [], operation
    event = {"$ref": "#/components/schemas/Event", "components": document["components"]}
    for _, logged in service.log(status["id"]):
        assert [error.message for error in jsonschema_rs.validator_for(event).iter_errors(json.loads(logged))] == []
    assert status.keys() == document["components"]["schemas"]["JobStatus"]["properties"].keys()
