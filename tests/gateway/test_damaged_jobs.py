"""A job whose record something else has written over: whoever may see it can get rid of it."""

import httpx
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
    return job_id


def _assert_unreadable(answer: httpx.Response) -> None:
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (500, "unreadable_record")
    assert "Retry-After" not in answer.headers


def test_a_damaged_job_is_told_as_what_it_is(damaged: str, gateway: GatewayProcess) -> None:
    """No other try reads it, so it is no 503; and it says what helps."""
    for path in (f"/jobs/{damaged}", f"/jobs/{damaged}/result"):
        answer = gateway.http.get(path)
        _assert_unreadable(answer)
        assert "delete" in answer.json()["error"]["message"]


def test_a_damaged_response_is_told_as_what_it_is(gateway: GatewayProcess, service: Service) -> None:
    """In OpenAI's dialect too, with the same status and code."""
    made = gateway.http.post("/v1/responses", json={"model": MODEL, "input": "x"}).json()["id"]
    service.redis.hset(service.keys.record(made.removeprefix("resp_")), "submitted_at", "yesterday")

    _assert_unreadable(gateway.http.get(f"/v1/responses/{made}"))


def test_a_damaged_event_is_told_as_what_it_is(gateway: GatewayProcess, service: Service) -> None:
    """A reader that tries again would read it again."""
    job_id = gateway.http.post("/jobs", json=GENERATE | {"start_after": 3600}).json()["id"]
    service.redis.xadd(service.keys.events(job_id), {"event": '{"v":1,"type":"nonsense"}'})
    ((cursor, _), *_) = service.log(job_id)

    answer = gateway.http.get(f"/jobs/{job_id}/events", headers={"Last-Event-ID": cursor})

    _assert_unreadable(answer)


def test_a_damaged_job_can_be_deleted(damaged: str, gateway: GatewayProcess) -> None:
    """Then it is not there any more."""
    assert gateway.http.delete(f"/jobs/{damaged}").status_code == 204

    assert gateway.http.get(f"/jobs/{damaged}").status_code == 404


def test_a_damaged_job_can_be_cancelled(damaged: str, gateway: GatewayProcess, service: Service) -> None:
    """The answer says that it is, and how to get rid of it; it asks nobody to try again."""
    answer = gateway.http.post(f"/jobs/{damaged}/cancel")

    _assert_unreadable(answer)
    assert "is cancelled" in answer.json()["error"]["message"]
    assert "delete the job" in answer.json()["error"]["message"]
    assert service.redis.hget(service.keys.record(damaged), "state") == "cancelled"
    assert gateway.http.delete(f"/jobs/{damaged}").status_code == 204


def test_a_damaged_job_that_has_ended_is_not_cancelled(gateway: GatewayProcess, service: Service) -> None:
    """409, as for any other."""
    job_id = gateway.http.post("/jobs", json=GENERATE, headers={"Prefer": "wait=30"}).json()["id"]
    service.redis.hset(service.keys.record(job_id), "submitted_at", "yesterday")

    assert gateway.http.post(f"/jobs/{job_id}/cancel").json()["error"]["code"] == "already_ended"
