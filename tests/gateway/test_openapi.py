"""The jobs API does what its OpenAPI page says, whatever it is sent: schemathesis makes the requests."""

import logging
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import MODEL
from tests.gateway_process import GatewayProcess
from tests.service import Service

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

    check()
