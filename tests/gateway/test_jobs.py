"""Jobs over HTTP: the verbs of the SDK."""

import json
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from tests.conftest import MODEL
from tests.gateway.raw import connect
from tests.gateway_process import GatewayProcess
from tests.service import Service, fresh_name, wait_until

GENERATE = {"kind": "generate", "model": MODEL, "prompt": "Say hello."}


def test_a_job_is_submitted_and_its_end_waited_for(gateway: GatewayProcess) -> None:
    """201 with a Location, and with `Prefer: wait` the status of the job that has ended."""
    answer = gateway.http.post("/jobs", json=GENERATE, headers={"Prefer": "wait=30"})

    assert answer.status_code == 201
    assert answer.headers["Preference-Applied"] == "wait=30"
    job = answer.json()
    assert answer.headers["Location"] == f"/jobs/{job['id']}"
    assert answer.headers["X-Llamaq-Job"] == job["id"]
    assert (job["state"], job["result"]["text"]) == ("completed", "Hello from the script.")
    assert abs(datetime.now(UTC).timestamp() - job["submitted_at"]) < 3600
    assert gateway.http.get(f"/jobs/{job['id']}").json() == job
    assert gateway.http.get(f"/jobs/{job['id']}/result").json()["text"] == "Hello from the script."
    assert job["id"] in [one["id"] for one in gateway.http.get("/jobs").json()["jobs"]]


def test_nobody_waits_for_more_than_ten_minutes(gateway: GatewayProcess) -> None:
    """The answer says which time counts; a preference without a time is none."""
    for prefer, applied in (("respond-async, wait=99999", "wait=600"), ("wait", None), ("await=5", None)):
        answer = gateway.http.post("/jobs", json=GENERATE, headers={"Prefer": prefer})
        assert (answer.status_code, answer.headers.get("Preference-Applied")) == (201, applied)


def test_a_client_that_waits_and_leaves_changes_nothing(gateway: GatewayProcess, service: Service) -> None:
    """Its request ends at once; its job does not."""
    gate = service.hold(tokens=["a", "b"], hold_after=1)
    body = json.dumps(GENERATE)
    with connect(gateway.url) as client:
        head = f"POST /jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nPrefer: wait=600\r\nContent-Length: {len(body)}\r\n\r\n"
        client.send(head.encode(), body.encode())
        service.wait_held(gate)
        job_id = service.queue.jobs(1)[0].id
        assert job_id not in gateway.log()

    wait_until(lambda: job_id in gateway.log())
    assert service.queue.job(job_id).status().state == "running"
    service.ollama.release(gate)


def test_an_idempotency_key_gives_the_same_job(gateway: GatewayProcess) -> None:
    """Sent again after a lost answer, a job is not queued twice."""
    headers = {"Idempotency-Key": fresh_name()}
    first, again = (gateway.http.post("/jobs", json=GENERATE, headers=headers).json()["id"] for _ in range(2))

    assert first == again
    conflicting = gateway.http.post("/jobs", json={**GENERATE, "idempotency_key": "another"}, headers=headers)
    assert (conflicting.status_code, conflicting.json()["error"]["field"]) == (400, "idempotency_key")


def test_an_idempotency_key_holds_for_a_replay_and_is_not_empty(gateway: GatewayProcess) -> None:
    """A header that was ignored would make a second job of a repeated request."""
    wanted = {"kind": "generate", "model": MODEL, "prompt": "x"}
    job_id = gateway.http.post("/jobs", json=wanted, headers={"Prefer": "wait=30"}).json()["id"]
    headers = {"Idempotency-Key": fresh_name()}

    again = [gateway.http.post(f"/jobs/{job_id}/replay", headers=headers).json()["id"] for _ in range(2)]
    empty = gateway.http.post("/jobs", json=wanted, headers={"Idempotency-Key": ""})

    assert again[0] == again[1] != job_id
    assert (empty.status_code, empty.json()["error"]["field"]) == (400, "idempotency_key")


def test_a_running_job_is_no_result_yet_and_can_be_cancelled(gateway: GatewayProcess, service: Service) -> None:
    """202 with the status; the cancel ends the request to the host; a second cancel changes nothing."""
    gate = service.hold(tokens=["a", "b"], hold_after=1)
    job_id = gateway.http.post("/jobs", json=GENERATE).json()["id"]
    service.wait_held(gate)

    running = gateway.http.get(f"/jobs/{job_id}/result")
    assert (running.status_code, running.json()["state"]) == (202, "running")
    misspelt = gateway.http.post(f"/jobs/{job_id}/cancel", json={"raeson": "enough"})
    assert (misspelt.status_code, misspelt.json()["error"]["field"]) == (400, "raeson")
    cancelled = gateway.http.post(f"/jobs/{job_id}/cancel", json={"reason": "enough"}).json()
    assert (cancelled["state"], cancelled["reason"]) == ("cancelled", "enough")
    service.wait_hung_up()
    assert gateway.http.post(f"/jobs/{job_id}/cancel").status_code == 200
    assert gateway.http.get(f"/jobs/{job_id}/result").status_code == 499


def test_a_job_that_has_ended_cannot_be_cancelled(gateway: GatewayProcess) -> None:
    """409, and the result stays."""
    job_id = gateway.http.post("/jobs", json=GENERATE, headers={"Prefer": "wait=30"}).json()["id"]

    refused = gateway.http.post(f"/jobs/{job_id}/cancel")

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "already_ended")
    assert refused.json()["error"]["message"].endswith("it is completed")
    assert gateway.http.get(f"/jobs/{job_id}").json()["state"] == "completed"


def test_a_replay_is_a_new_job_with_changes(gateway: GatewayProcess, service: Service) -> None:
    """Dotted names change what is inside a field."""
    first = gateway.http.post("/jobs", json=GENERATE, headers={"Prefer": "wait=30"}).json()["id"]

    answer = gateway.http.post(f"/jobs/{first}/replay", json={"options.seed": 7}, headers={"Prefer": "wait=30"})

    assert answer.status_code == 201
    assert answer.json()["id"] != first
    assert [body.get("options", {}).get("seed") for body in service.list_requests()] == [None, 7]


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"kind": "generate", "model": MODEL}, 400, "invalid_request", "prompt"),
        ({**GENERATE, "temperature": 1}, 400, "invalid_request", "temperature"),
        ({**GENERATE, "kind": "poem"}, 400, "invalid_request", "kind"),
        ({**GENERATE, "model": "no-such-model"}, 404, "model_not_found", "model"),
        ({**GENERATE, "options": {"num_ctx": "many"}}, 400, "invalid_request", "options.num_ctx"),
    ],
)
def test_a_wrong_job_is_refused_with_the_field(
    gateway: GatewayProcess, body: dict[str, object], status: int, code: str, field: str
) -> None:
    """As the SDK refuses it, before anything is queued."""
    answer = gateway.http.post("/jobs", json=body)

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["field"] == field


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "[" * 100_000, '{"a":' * 100_000, "NaN", "\ud800".encode("utf-8", "surrogatepass")]
)
def test_a_body_that_is_no_json_object_is_refused(gateway: GatewayProcess, text: str | bytes) -> None:
    """Also one that is nested so deep that a parser would overflow."""
    answer = gateway.http.post("/jobs", content=text)

    assert (answer.status_code, answer.json()["error"]["code"][:7]) == (400, "invalid")


def test_an_operator_pauses_drains_and_resumes(gateway: GatewayProcess) -> None:
    """The host's state is the verb's; the workers are listed; a body that names nothing, or too much, is refused."""
    (host,) = gateway.http.get("/hosts").json()["hosts"]
    assert {worker["host"] for worker in gateway.http.get("/workers").json()["workers"]} == {host["host"]}
    states = []
    try:
        for verb in ("pause", "drain"):
            assert gateway.http.post(f"/{verb}", json={"host": host["host"]}).status_code == 204
            states.append(gateway.http.get("/hosts").json()["hosts"][0]["state"])
        wrong: list[dict[str, object]] = [{}, {"host": 1}, {"hots": "a"}, {"host": "none"}, {"host": "a", "model": "b"}]
        answers = [gateway.http.post("/pause", json=body) for body in wrong]
        assert [answer.status_code for answer in answers] == [400] * 5
    finally:
        assert gateway.http.post("/resume", json={"host": host["host"]}).status_code == 204
    assert states == ["paused", "draining"]
    assert gateway.http.get("/hosts").json()["hosts"][0]["state"] == "running"


def test_the_fleet_and_conversations_are_as_the_sdk_gives_them(gateway: GatewayProcess, service: Service) -> None:
    """Models, hosts, and a conversation from its first turn to its deletion."""
    assert MODEL in [model["model"] for model in gateway.http.get("/models").json()["models"]]
    (host,) = gateway.http.get("/hosts").json()["hosts"]
    assert host["circuit"] == "closed"
    assert MODEL in [model["model"] for model in host["models"]]
    name = fresh_name()
    turn = {"kind": "chat", "model": MODEL, "conversation": name, "message": "Hi."}
    assert gateway.http.post("/jobs", json=turn, headers={"Prefer": "wait=30"}).json()["state"] == "completed"
    kept = gateway.http.get(f"/conversations/{name}").json()
    assert [message["role"] for message in kept["messages"]] == ["user", "assistant"]
    assert name in [one["name"] for one in gateway.http.get("/conversations").json()["conversations"]]
    edited = gateway.http.patch(f"/conversations/{name}/turns/1", json={"content": "Hello."}).json()
    assert edited["messages"][0]["content"] == "Hello."
    assert gateway.http.patch(f"/conversations/{name}", json={"system": "Be brief."}).json()["settings"] == {
        "system": "Be brief."
    }
    assert gateway.http.post(f"/conversations/{name}/fork", json={"name": f"{name}-2"}).status_code == 201
    assert gateway.http.delete(f"/conversations/{name}").status_code == 204
    assert gateway.http.get(f"/conversations/{name}").status_code == 404
    assert json.loads(gateway.http.get("/openapi.json").text)["paths"]["/jobs"]["post"]


def test_null_is_absent(gateway: GatewayProcess, service: Service) -> None:
    """Also in the members that the gateway itself reads: the key, the reason of a cancel, the role of a turn."""
    name = fresh_name()
    turn = {"kind": "chat", "model": MODEL, "conversation": name, "message": "Hi.", "idempotency_key": None}
    headers = {"Idempotency-Key": fresh_name(), "Prefer": "wait=30"}
    assert gateway.http.post("/jobs", json=turn, headers=headers).json()["state"] == "completed"
    edited = gateway.http.patch(f"/conversations/{name}/turns/1", json={"content": "Hello.", "role": None})
    assert edited.json()["messages"][0]["content"] == "Hello."
    service.hold()
    job_id = gateway.http.post("/jobs", json=GENERATE).json()["id"]
    cancelled = gateway.http.post(f"/jobs/{job_id}/cancel", json={"reason": None})
    assert cancelled.json()["reason"] == "cancelled by the producer"


@pytest.mark.parametrize("slash", ["/", "%2F", "a/turns/1", "/fork"])
def test_a_conversation_whose_name_has_a_slash_is_reached(
    gateway: GatewayProcess, service: Service, slash: str
) -> None:
    """By `%2F`, on every path; a name that has those three characters is another one."""
    name = f"{fresh_name()}{slash}"
    path = f"/conversations/{quote(name, safe='')}"
    assert gateway.http.patch(path, json={"system": "Be brief."}).json()["name"] == name
    turn = {"kind": "chat", "model": MODEL, "conversation": name, "message": "Hi."}
    assert gateway.http.post("/jobs", json=turn, headers={"Prefer": "wait=30"}).json()["state"] == "completed"
    edited = gateway.http.patch(f"{path}/turns/1", json={"content": "Hello."}).json()
    assert (edited["name"], edited["messages"][0]["content"]) == (name, "Hello.")
    assert gateway.http.post(f"{path}/fork", json={"name": f"{name}/2"}).status_code == 201
    assert gateway.http.get(f"{path}%2f2").json()["settings"] == {"system": "Be brief."}
    assert gateway.http.delete(path).status_code == 204
    assert gateway.http.get(path).status_code == 404
    assert gateway.http.post(path).headers["Allow"] == "DELETE, GET, PATCH"


def test_the_list_is_narrowed_and_comes_in_pages(gateway: GatewayProcess, service: Service) -> None:
    """By state, kind, model, lane and time; `after` is the cursor of the page before."""
    wanted = {**GENERATE, "priority": "batch"}
    made = [gateway.http.post("/jobs", json=wanted, headers={"Prefer": "wait=30"}).json()["id"] for _ in range(3)]
    gateway.http.post("/jobs", json=GENERATE, headers={"Prefer": "wait=30"})
    oldest = gateway.http.get(f"/jobs/{made[0]}").json()["submitted_at"]
    which = {
        "lane": "batch",
        "kind": "generate",
        "state": ["failed", "completed"],
        "since": oldest - 0.01,
        "model": MODEL,
    }

    first = gateway.http.get("/jobs", params={**which, "limit": 2}).json()
    second = gateway.http.get("/jobs", params={**which, "after": first["cursor"]}).json()

    assert [one["id"] for one in (*first["jobs"], *second["jobs"])] == made[::-1]
    assert gateway.http.get("/jobs", params={**which, "until": "2020-01-01T00:00:00Z"}).json()["jobs"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("since", "yesterday"),
        ("since", "1e99"),
        ("state", "lost"),
        ("limit", "0"),
        ("limit", "1_0"),
        ("since", "1_0"),
        ("after", "x"),
        ("kind", "poem"),
    ],
)
def test_a_wrong_filter_is_named(gateway: GatewayProcess, name: str, value: str) -> None:
    """400, and not an empty list."""
    answer = gateway.http.get("/jobs", params={name: value})

    assert (answer.status_code, answer.json()["error"]["field"]) == (400, name)
    assert value in answer.json()["error"]["message"] or name in ("since", "after")


def test_a_query_parameter_that_a_path_does_not_have_is_refused(gateway: GatewayProcess) -> None:
    """A misspelt filter would list everything, and a misspelt `after` would delete a whole conversation."""
    name, job = fresh_name(), gateway.http.post("/jobs", json=GENERATE).json()["id"]
    gateway.http.patch(f"/conversations/{name}", json={"system": "Be brief."})

    for method, path, wrong, remedy in (
        ("GET", "/jobs", "stat=failed", "did you mean state?"),
        ("DELETE", f"/conversations/{name}", "aftr=1", "did you mean after?"),
        ("GET", f"/jobs/{job}/events", "lastEventId=0-1", "there is after"),
        ("DELETE", f"/jobs/{job}", "dry_run=1", "there are none"),
        ("GET", "/models", "model=x", "there are none"),
        ("POST", "/jobs", "wait=30", "there are none"),
    ):
        answer = gateway.http.request(method, f"{path}?{wrong}")
        error = answer.json()["error"]
        assert (answer.status_code, error["field"]) == (400, wrong.partition("=")[0])
        assert error["message"].endswith(remedy)

    assert gateway.http.get(f"/jobs/{job}").status_code == 200
    assert gateway.http.get(f"/conversations/{name}").status_code == 200
    assert gateway.http.get("/healthz?probe=1").status_code == 200
