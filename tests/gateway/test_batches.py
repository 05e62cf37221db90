"""OpenAI's batches over HTTP: each line once, whatever happens to the gateway."""

import json
import signal
from typing import Any

import pytest

from tests.conftest import MODEL
from tests.gateway.batching import (
    CHAT,
    Body,
    build_line,
    create_batch,
    get_batch,
    post_batch,
    read_counts,
    read_rows,
    read_text,
    upload_lines,
    wait_for_status,
)
from tests.gateway_process import GatewayProcess
from tests.service import Service, fresh_name, wait_until

EMBED_MODEL = "smollm2-embed:135m"


def test_a_thousand_lines_are_answered_once_each(gateway: GatewayProcess, service: Service) -> None:
    """In the order of their lines, in the lane batch, with counts and usage."""
    service.ollama.script(tokens=["fine"], final={"prompt_eval_count": 3, "eval_count": 1}, times=None)

    batch = create_batch(gateway, [build_line(f"line-{number}") for number in range(1000)], metadata={"a": "b"})

    assert batch["status"] in {"validating", "in_progress"}
    assert batch["expires_at"] - batch["created_at"] == 86_400
    done = wait_for_status(gateway, batch["id"])
    assert (done["status"], read_counts(done), done["metadata"]) == ("completed", (1000, 1000, 0), {"a": "b"})
    assert done["usage"]["total_tokens"] == 4000
    assert done["created_at"] <= done["in_progress_at"] <= done["finalizing_at"] <= done["completed_at"]
    assert done["error_file_id"] is None
    found = read_rows(gateway, done["output_file_id"])
    assert list(found) == [f"line-{number}" for number in range(1000)]
    assert {read_text(row) for row in found.values()} == {"fine"}
    assert len({row["id"] for row in found.values()}) == 1000
    status = service.queue.job(found["line-7"]["response"]["request_id"]).status()
    assert status.lane == "batch"
    file = gateway.http.get(f"/v1/files/{done['output_file_id']}").json()
    assert file["purpose"] == "batch_output"
    assert len(service.list_requests("/api/chat")) == 1000


@pytest.mark.parametrize(
    ("url", "body", "where"),
    [
        ("/v1/completions", {"model": MODEL, "prompt": "hi"}, ("choices", 0, "text")),
        ("/v1/responses", {"model": MODEL, "input": "hi"}, ("output", 0, "content", 0, "text")),
        ("/v1/embeddings", {"model": EMBED_MODEL, "input": "hi"}, ("data", 0, "object")),
    ],
)
def test_each_endpoint_has_batches(
    gateway: GatewayProcess, service: Service, url: str, body: Body, where: tuple[Any, ...]
) -> None:
    """A line has the body that a request of its own would have got."""
    service.ollama.script(tokens=["fine"], times=None)
    done = wait_for_status(gateway, create_batch(gateway, [build_line("one", url, **body)], url)["id"])

    (row,) = read_rows(gateway, done["output_file_id"]).values()
    found: Any = row["response"]["body"]
    for part in where:
        found = found[part]
    assert found in {"fine", "embedding"}
    if url == "/v1/responses":
        again = gateway.http.get(f"/v1/responses/{row['response']['body']['id']}").json()
        named = {"type": "item_reference", "id": again["output"][0]["id"]}
        asked = {"model": MODEL, "input": [named, {"role": "user", "content": "Sure?"}]}
        assert gateway.http.post("/v1/responses", json=asked).json()["status"] == "completed"
        assert again == row["response"]["body"]


def test_what_is_wrong_with_one_request_ends_that_line_alone(gateway: GatewayProcess, service: Service) -> None:
    """The error file has what a request of its own would have got."""
    service.ollama.script(status=400, body={"error": "no luck"}, contains="unlucky")
    service.ollama.script(tokens=["fine"], times=None)
    said = [{"role": "user", "content": "hi"}]
    lines = [
        build_line("good"),
        build_line("unknown", model="nobody-has-it", messages=said),
        build_line("wrong", model=MODEL, messages=said, temperature="hot"),
        build_line("streams", model=MODEL, messages=said, stream=True),
        build_line("long", model=MODEL, messages=[{"role": "user", "content": "x" * 300_000}]),
        build_line("unlucky"),
    ]

    done = wait_for_status(gateway, create_batch(gateway, lines)["id"])

    assert (done["status"], read_counts(done)) == ("completed", (6, 1, 5))
    assert list(read_rows(gateway, done["output_file_id"])) == ["good"]
    failed = read_rows(gateway, done["error_file_id"])
    found = {
        name: (row["response"]["status_code"], row["response"]["body"]["error"]["code"]) for name, row in failed.items()
    }
    assert found["unknown"] == (404, "model_not_found")
    assert found["wrong"] == (400, "invalid_type")
    assert found["streams"] == (400, "unsupported_parameter")
    assert found["unlucky"][0] >= 400
    params = {name: failed[name]["response"]["body"]["error"]["param"] for name in ("wrong", "long")}
    assert params == {"wrong": "temperature", "long": "messages[0].content"}


@pytest.mark.parametrize(
    ("text", "code", "number", "param"),
    [
        ('{"custom_id": "b"', "invalid_json_line", 3, None),
        ("[]", "invalid_json_line", 3, None),
        ('{"url": "/v1/chat/completions", "body": {}}', "missing_required_parameter", 3, "custom_id"),
        ('{"custom_id": "a", "url": "/v1/chat/completions", "body": {}}', "duplicate_custom_id", 3, "custom_id"),
        ('{"custom_id": "b", "url": "/v1/embeddings", "body": {}}', "mismatched_endpoint", 3, "url"),
        ('{"custom_id": "b", "url": "/v1/chat/completions"}', "missing_required_parameter", 3, "body"),
        (
            '{"custom_id": "b", "method": "GET", "url": "/v1/chat/completions", "body": {}}',
            "invalid_method",
            3,
            "method",
        ),
    ],
)
def test_a_bad_line_fails_the_batch_before_it_begins(
    gateway: GatewayProcess, service: Service, text: str, code: str, number: int, param: str | None
) -> None:
    """As OpenAI does it: nothing is run, and the line is named."""
    done = wait_for_status(gateway, create_batch(gateway, f"{json.dumps(build_line('a'))}\n\n{text}\n")["id"])

    assert (done["status"], done["output_file_id"]) == ("failed", None)
    (problem,) = done["errors"]["data"]
    assert (problem["code"], problem["line"], problem["param"]) == (code, number, param)
    assert done["failed_at"] is not None
    assert service.list_requests() == []


def test_a_file_without_lines_fails_the_batch(gateway: GatewayProcess, service: Service) -> None:
    """Blank lines are none."""
    done = wait_for_status(gateway, create_batch(gateway, "\n  \n")["id"])
    assert (done["status"], done["errors"]["data"][0]["code"]) == ("failed", "empty_file")


def test_a_batch_whose_file_is_gone_fails(gateway: GatewayProcess, service: Service) -> None:
    """Something else has deleted it from Redis: the batch says so, rather than to wait for ever."""
    gate = service.hold(tokens=["fine"])
    batch = create_batch(gateway, [build_line("a")])
    service.wait_held(gate)
    service.redis.delete(service.keys.file(batch["input_file_id"]))

    def taken_up_again() -> bool:
        service.redis.zadd(f"{service.prefix}:batches", {batch["id"]: 1}, xx=True)  # as if its holder had died
        return bool(get_batch(gateway, batch["id"])["status"] == "failed")

    wait_until(taken_up_again)
    service.ollama.release(gate)
    assert get_batch(gateway, batch["id"])["errors"]["data"][0]["code"] == "input_file_missing"


def test_a_batch_is_cancelled_in_the_middle(gateway: GatewayProcess, service: Service) -> None:
    """What runs is cut, what was answered stays, and nothing more is begun."""
    gate = fresh_name()
    service.ollama.script(tokens=["fine"], times=3)
    service.ollama.script(hold=gate, tokens=["late"], times=None)
    batch = create_batch(gateway, [build_line(str(number)) for number in range(200)])
    service.wait_held(gate, 2)

    cancelled = gateway.http.post(f"/v1/batches/{batch['id']}/cancel").json()

    assert cancelled["status"] == "cancelling"
    done = wait_for_status(gateway, batch["id"])
    assert (done["status"], read_counts(done)) == ("cancelled", (200, 3, 0))
    assert done["cancelling_at"] <= done["cancelled_at"]
    assert len(read_rows(gateway, done["output_file_id"])) == 3
    service.wait_hung_up(2)
    assert len(service.list_requests("/api/chat")) == 5
    assert [status for status in service.queue.jobs(limit=100) if not status.ended] == []
    refused = gateway.http.post(f"/v1/batches/{batch['id']}/cancel")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "batch_ended")


def test_a_cancelled_batch_waits_for_no_other(service: Service) -> None:
    """While the lines of another one take all the room that the process has in the queue."""
    gate = fresh_name()
    service.ollama.script(hold=gate, tokens=["late"], times=2)
    with GatewayProcess(service.url, prefix=service.prefix, gateway_batch_in_flight=2) as gateway:
        first = create_batch(gateway, [build_line("a"), build_line("b"), build_line("c")])
        service.wait_held(gate, 2)
        second = create_batch(gateway, [build_line(str(number)) for number in range(200)])
        wait_until(lambda: get_batch(gateway, second["id"])["status"] == "in_progress")
        assert gateway.http.post(f"/v1/batches/{second['id']}/cancel").status_code == 200
        done = wait_for_status(gateway, second["id"])
        assert (done["status"], read_counts(done)) == ("cancelled", (200, 0, 0))
        assert get_batch(gateway, first["id"])["status"] == "in_progress"
        service.ollama.release(gate)
        assert read_counts(wait_for_status(gateway, first["id"])) == (3, 3, 0)
        third = create_batch(gateway, [build_line("d"), build_line("e"), build_line("f")])  # no slot was lost
        assert read_counts(wait_for_status(gateway, third["id"])) == (3, 3, 0)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_batch_goes_on_in_another_process(service: Service, how: signal.Signals) -> None:
    """The gateway ends in the middle, in order or not: the next one takes the batch up, and asks nothing twice."""
    gate = fresh_name()
    service.ollama.script(tokens=["fine"], times=4)
    service.ollama.script(hold=gate, tokens=["late"], times=2)
    service.ollama.script(tokens=["fine"], times=None)
    settings = {"prefix": service.prefix, "gateway_batch_in_flight": 5}
    with GatewayProcess(service.url, **settings) as first:
        batch = create_batch(first, [build_line(str(number)) for number in range(30)])
        service.wait_held(gate, 2)
        first.process.send_signal(how)
        first.process.wait(30)
    if how == signal.SIGKILL:  # nobody has given the lease back, which lasts for 10 s
        wait_until(lambda: service.redis.zadd(f"{service.prefix}:batches", {batch["id"]: 1}, xx=True, ch=True) == 1)

    with GatewayProcess(service.url, **settings) as second:
        wait_for_status(second, batch["id"], {"in_progress"})
        service.ollama.release(gate)
        done = wait_for_status(second, batch["id"])

        assert (done["status"], read_counts(done)) == ("completed", (30, 30, 0))
        texts = [read_text(row) for row in read_rows(second, done["output_file_id"]).values()]
    assert sorted(texts) == ["fine"] * 28 + ["late"] * 2
    assert len(service.list_requests("/api/chat")) == 30


def test_a_batch_whose_window_is_over_expires(gateway: GatewayProcess, service: Service) -> None:
    """Each line without an answer says so in the error file."""
    service.ollama.script(tokens=["fine"])
    gate = fresh_name()
    service.ollama.script(hold=gate, tokens=["late"], times=None)
    batch = create_batch(gateway, [build_line(str(number)) for number in range(80)], completion_window="1s")

    done = wait_for_status(gateway, batch["id"])

    assert (done["status"], done["request_counts"]["total"]) == ("expired", 80)
    late = read_rows(gateway, done["error_file_id"])
    assert {row["error"]["code"] for row in late.values()} == {"batch_expired"}
    assert len(late) + len(read_rows(gateway, done["output_file_id"])) == 80
    service.ollama.release(gate)


@pytest.mark.parametrize(
    ("given", "status", "code", "param"),
    [
        ({"completion_window": "8d"}, 400, "invalid_value", "completion_window"),
        ({"completion_window": "soon"}, 400, "invalid_value", "completion_window"),
        ({"endpoint": "/v1/moderations"}, 400, "unsupported_parameter", "endpoint"),
        ({"input_file_id": "file-none"}, 404, "not_found", "input_file_id"),
        ({"output_expires_after": {}}, 400, "unsupported_parameter", "output_expires_after"),
        ({"colour": "red"}, 400, "unsupported_parameter", "colour"),
    ],
)
@pytest.mark.usefixtures("service")
def test_what_is_wrong_with_a_batch_is_named(
    gateway: GatewayProcess, given: Body, status: int, code: str, param: str
) -> None:
    """In OpenAI's form, before it is one."""
    refused = post_batch(gateway, **{"file_id": upload_lines(gateway, "{}"), **given})

    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (status, code, param)


def test_batches_are_listed_in_pages(gateway: GatewayProcess, service: Service) -> None:
    """The newest first."""
    ids = [create_batch(gateway, "\n")["id"] for _ in range(3)]
    for batch_id in ids:
        wait_for_status(gateway, batch_id)

    page = gateway.http.get("/v1/batches", params={"limit": 2}).json()
    rest = gateway.http.get("/v1/batches", params={"limit": 1, "after": page["last_id"]}).json()

    assert [batch["id"] for batch in page["data"] + rest["data"]] == ids[::-1]
    assert page["has_more"]
    assert page["data"][0] == get_batch(gateway, ids[-1])
    assert gateway.http.get("/v1/batches/batch_none").status_code == 404
    assert gateway.http.post("/v1/batches/batch_none/cancel").status_code == 404


def test_the_input_of_a_running_batch_is_kept(gateway: GatewayProcess, service: Service) -> None:
    """Deleting it would end the batch in the middle."""
    gate = service.hold(tokens=["a"])
    batch = create_batch(gateway, [build_line("a")], CHAT)
    service.wait_held(gate)

    refused = gateway.http.delete(f"/v1/files/{batch['input_file_id']}")

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "file_in_use")
    service.ollama.release(gate)
    wait_for_status(gateway, batch["id"])
    assert gateway.http.delete(f"/v1/files/{batch['input_file_id']}").status_code == 200
