"""A job whose record something else has written over: whoever may see it can get rid of it."""

import pytest

from tests.conftest import MODEL
from tests.gateway_process import GatewayProcess
from tests.service import Service

GENERATE = {"kind": "generate", "model": MODEL, "prompt": "x"}
# What no script reads: other damage the worker may meet first, and end the job.
DAMAGES = [{"submitted_at": "yesterday"}, {"metadata": "[]"}, {"kind": None}]


@pytest.fixture(params=DAMAGES, ids=str)
def damaged(request: pytest.FixtureRequest, gateway: GatewayProcess, service: Service) -> str:
    """A job that has not been given a slot, and whose status nobody can read."""
    job_id: str = gateway.http.post("/jobs", json=GENERATE | {"start_after": 3600}).json()["id"]
    for name, value in request.param.items():
        key = service.keys.record(job_id)
        service.redis.hdel(key, name) if value is None else service.redis.hset(key, name, value)
    assert gateway.http.get(f"/jobs/{job_id}").status_code == 503
    return job_id


def test_a_damaged_job_can_be_deleted(damaged: str, gateway: GatewayProcess) -> None:
    """Then it is not there any more."""
    assert gateway.http.delete(f"/jobs/{damaged}").status_code == 204

    assert gateway.http.get(f"/jobs/{damaged}").status_code == 404


def test_a_damaged_job_can_be_cancelled(damaged: str, gateway: GatewayProcess, service: Service) -> None:
    """The answer says that it is, and how to get rid of it; it asks nobody to try again."""
    answer = gateway.http.post(f"/jobs/{damaged}/cancel")

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (500, "unreadable_job")
    assert "is cancelled" in error["message"]
    assert "delete the job" in error["message"]
    assert "Retry-After" not in answer.headers
    assert service.redis.hget(service.keys.record(damaged), "state") == "cancelled"
    assert gateway.http.delete(f"/jobs/{damaged}").status_code == 204


def test_a_damaged_job_that_has_ended_is_not_cancelled(gateway: GatewayProcess, service: Service) -> None:
    """409, as for any other."""
    job_id = gateway.http.post("/jobs", json=GENERATE, headers={"Prefer": "wait=30"}).json()["id"]
    service.redis.hset(service.keys.record(job_id), "submitted_at", "yesterday")

    assert gateway.http.post(f"/jobs/{job_id}/cancel").json()["error"]["code"] == "already_ended"
