"""OpenAI's responses over HTTP: at once, in the background, read again, resumed, cancelled and deleted."""

from typing import Any

import pytest

from tests.conftest import MODEL
from tests.gateway.responding import (
    PATH,
    create_response,
    get_response,
    join_text,
    open_stream,
    parse_events,
    post_response,
    read_stream,
    wait_for_end,
)
from tests.gateway_process import GatewayProcess
from tests.service import Service, fresh_name, wait_until

TOOLS_MODEL, VISION_MODEL = "smollm2-tools:135m", "smollm2-vision:135m"
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}


def test_an_answer_has_openais_form(gateway: GatewayProcess, service: Service) -> None:
    """And it is the same when it is read again; the job's id is in a header and in the id."""
    service.ollama.script(tokens=["Hi", " there"], final={"prompt_eval_count": 7, "eval_count": 2})

    answer = post_response(gateway, instructions="Be kind.", metadata={"a": "b"}, max_output_tokens=9)

    body = answer.json()
    assert body["id"] == f"resp_{answer.headers['x-llamaq-job']}"
    assert (body["object"], body["status"], body["model"], body["error"]) == ("response", "completed", MODEL, None)
    assert join_text(body) == "Hi there"
    assert body["usage"]["total_tokens"] == 9
    echoed = {name: body[name] for name in ("instructions", "metadata", "max_output_tokens", "store", "background")}
    assert echoed == {
        "instructions": "Be kind.",
        "metadata": {"a": "b"},
        "max_output_tokens": 9,
        "store": True,
        "background": False,
    }
    assert get_response(gateway, body["id"]) == body
    (asked,) = service.list_requests("/api/chat")
    assert asked["messages"] == [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}]
    assert asked["options"]["num_predict"] == 9


def test_a_background_response_lives_on_and_is_polled(gateway: GatewayProcess, service: Service) -> None:
    """It comes back queued at once, and the client that asked for it need not stay."""
    gate = service.hold(tokens=["a", "b"], hold_after=1)

    first = create_response(gateway, background=True)

    assert (first["status"], first["output"], first["background"]) == ("queued", [], True)
    service.wait_held(gate)
    wait_until(lambda: get_response(gateway, first["id"])["status"] == "in_progress")
    assert get_response(gateway, first["id"])["created_at"] == first["created_at"]
    service.ollama.release(gate)
    assert join_text(wait_for_end(gateway, first["id"])) == "ab"


def test_a_stream_is_resumed_behind_any_event(gateway: GatewayProcess, service: Service) -> None:
    """By the numbers: what comes behind each is the same as it was in the stream itself."""
    service.ollama.script(tokens=["a", "b", "c"], thinking=["hm"], rate=100)
    with open_stream(gateway, background=True) as events:
        whole = list(events)

    assert [event["sequence_number"] for event in whole] == list(range(len(whole)))
    assert whole[-1]["type"] == "response.completed"
    response_id = whole[0]["response"]["id"]
    assert read_stream(gateway, response_id) == whole
    for number in range(len(whole)):
        assert read_stream(gateway, response_id, number) == whole[number + 1 :]
    assert get_response(gateway, response_id) == whole[-1]["response"]


def test_a_background_stream_that_is_cut_goes_on_elsewhere(gateway: GatewayProcess, service: Service) -> None:
    """The client left in the middle; the rest comes live behind the last event that it had."""
    gate = service.hold(tokens=["a", "b"], hold_after=1)
    answered = gateway.log().count("/v1/responses")
    with open_stream(gateway, background=True) as events:
        seen = [next(events)]
        while seen[-1]["type"] != "response.output_text.delta":
            seen.append(next(events))
    response_id = seen[0]["response"]["id"]
    wait_until(lambda: gateway.log().count("/v1/responses") > answered)  # the gateway has seen that its client left
    assert get_response(gateway, response_id)["status"] == "in_progress"
    service.ollama.release(gate)

    rest = read_stream(gateway, response_id, seen[-1]["sequence_number"])

    assert [event["sequence_number"] for event in seen + rest] == list(range(len(seen + rest)))
    assert join_text(rest[-1]["response"]) == "ab"
    assert seen + rest == read_stream(gateway, response_id)


def test_a_stream_that_is_not_in_the_background_is_cancelled_with_its_client(
    gateway: GatewayProcess, service: Service
) -> None:
    """As for a chat completion; what is kept says so."""
    service.hold(tokens=["a", "b"], hold_after=1)
    with open_stream(gateway) as events:
        response_id = next(events)["response"]["id"]
        while next(events)["type"] != "response.output_text.delta":
            pass
    service.wait_hung_up()

    body = get_response(gateway, response_id)
    assert (body["status"], body["output"][0]["status"]) == ("cancelled", "incomplete")


def test_a_waiting_stream_tells_its_place_in_comments(gateway: GatewayProcess, service: Service) -> None:
    """The place is in no event, so no number depends on it."""
    gate = fresh_name()
    service.ollama.script(hold=gate, tokens=["a"], times=None)
    held = [create_response(gateway, background=True) for _ in range(2)]
    service.wait_held(gate, 2)
    with gateway.http.stream("POST", PATH, json={"model": MODEL, "input": "hi", "stream": True}) as answer:
        lines = answer.iter_lines()
        before: list[str] = []
        while not (before and before[-1].startswith(": queued")):
            before.append(next(lines))
        service.ollama.release(gate)
        events = parse_events("\n".join([*before, *lines]))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[-1]["type"] == "response.completed"
    for response in held:
        wait_for_end(gateway, response["id"])


def test_a_cancel_ends_a_response_and_one_that_has_ended_stays(gateway: GatewayProcess, service: Service) -> None:
    """Its stream ends with `response.cancelled`; the request to Ollama is cut."""
    gate = service.hold(tokens=["a", "b"], hold_after=1)
    response_id = create_response(gateway, background=True)["id"]
    service.wait_held(gate)

    body = gateway.http.post(f"{PATH}/{response_id}/cancel").json()

    assert (body["id"], body["status"]) == (response_id, "cancelled")
    service.wait_hung_up()
    assert read_stream(gateway, response_id)[-1]["type"] == "response.cancelled"
    service.ollama.script(tokens=["a"])
    done = create_response(gateway)
    assert gateway.http.post(f"{PATH}/{done['id']}/cancel").json() == done


def test_a_failure_has_a_status_at_once_and_is_kept_in_the_background(
    gateway: GatewayProcess, service: Service
) -> None:
    """Over HTTP it is an error; a response that was given already is `failed`, and so ends its stream."""
    for _ in range(2):
        service.ollama.script(status=400, body={"error": "no luck"})

    refused = post_response(gateway)

    assert refused.status_code >= 400
    assert set(refused.json()["error"]) == {"message", "type", "param", "code"}
    body = wait_for_end(gateway, create_response(gateway, background=True)["id"])
    assert body["status"] == "failed"
    assert body["error"]["code"] == refused.json()["error"]["code"]
    assert read_stream(gateway, body["id"])[-1] == {
        "type": "response.failed",
        "sequence_number": 3,
        "response": body,
    }


@pytest.mark.parametrize(
    ("given", "status", "code", "param"),
    [
        ({"model": "nobody-has-it"}, 404, "model_not_found", "model"),
        ({"conversation": "c"}, 400, "unsupported_parameter", "conversation"),
        ({"input": [{"role": "user", "content": "x" * 300_000}]}, 400, "invalid_request", "input[0].content"),
        ({"previous_response_id": "resp_none"}, 404, "response_not_found", "previous_response_id"),
        ({"tools": [{"type": "file_search"}]}, 400, "unsupported_parameter", "tools[0].type"),
    ],
)
@pytest.mark.usefixtures("service")
def test_what_is_refused_is_named(
    gateway: GatewayProcess, given: dict[str, Any], status: int, code: str, param: str
) -> None:
    """In OpenAI's form, before anything is queued."""
    refused = post_response(gateway, **{"given": given.pop("input", "hi"), **given})

    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (status, code, param)


@pytest.mark.parametrize(
    ("method", "part"), [("GET", ""), ("POST", "/cancel"), ("DELETE", ""), ("GET", "/input_items")]
)
def test_what_is_no_kept_response_is_not_found(
    gateway: GatewayProcess, service: Service, method: str, part: str
) -> None:
    """An unknown id, a job that is none, also with the note of a response, and a response that was not to be stored."""
    service.ollama.script(tokens=["a"], times=None)
    job = service.queue.chat(MODEL, messages=[{"role": "user", "content": "hi"}])
    job.result(60)
    not_stored = create_response(gateway, store=False)
    note = service.queue.job(create_response(gateway)["id"].removeprefix("resp_")).request().note
    noted = service.queue.submit({"kind": "generate", "model": MODEL, "prompt": "hi", "note": note})

    for response_id in (
        "resp_none",
        f"resp_{job.id}",
        job.id,
        not_stored["id"],
        "resp_" + "x" * 200,
        f"resp_{noted.id}",
    ):
        refused = gateway.http.request(method, f"{PATH}/{response_id}{part}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "response_not_found"), response_id
    assert not_stored["store"] is False
    assert join_text(not_stored) == "a"


def test_a_deleted_response_is_gone(gateway: GatewayProcess, service: Service) -> None:
    """With its job; one that runs is cancelled first."""
    gate = service.hold(tokens=["a", "b"], hold_after=1)
    response_id = create_response(gateway, background=True)["id"]
    service.wait_held(gate)

    answer = gateway.http.delete(f"{PATH}/{response_id}").json()

    assert answer == {"id": response_id, "object": "response", "deleted": True}
    service.wait_hung_up()
    assert gateway.http.get(f"{PATH}/{response_id}").status_code == 404


def test_the_items_of_an_input_come_in_pages(gateway: GatewayProcess, service: Service) -> None:
    """The newest first, unless asked otherwise; each has an id that stays."""
    service.ollama.script(tokens=["a"])
    response_id = create_response(gateway, [{"role": "user", "content": str(number)} for number in range(3)])["id"]

    page = get_response(gateway, response_id, "/input_items", limit=2)
    rest = get_response(gateway, response_id, "/input_items", limit=2, after=page["last_id"])
    upwards = get_response(gateway, response_id, "/input_items", order="asc")

    assert [item["content"][0]["text"] for item in page["data"] + rest["data"]] == ["2", "1", "0"]
    assert (page["has_more"], rest["has_more"]) == (True, False)
    assert upwards["data"] == [*reversed(page["data"] + rest["data"])]
    assert gateway.http.get(f"{PATH}/{response_id}/input_items", params={"after": "x"}).status_code == 400


def test_a_stream_behind_an_event_that_is_not_there_says_so(gateway: GatewayProcess, service: Service) -> None:
    """At its end, when the number of events is known. Behind the last event there is nothing, and no error."""
    name = create_response(gateway)["id"]
    last = read_stream(gateway, name)[-1]["sequence_number"]

    (error,) = read_stream(gateway, name, last + 1)

    assert read_stream(gateway, name, last) == []
    assert (error["type"], error["code"], error["param"]) == ("error", "invalid_request", "starting_after")
    assert f"the last one of the response is {last}" in error["message"]


@pytest.mark.parametrize("query", [{"starting_after": "x"}, {"starting_after": -2}, {"stream": "perhaps"}])
def test_a_wrong_query_is_refused(gateway: GatewayProcess, service: Service, query: dict[str, Any]) -> None:
    """By the name of its parameter."""
    refused = gateway.http.get(f"{PATH}/resp_none", params=query)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, next(iter(query)))
