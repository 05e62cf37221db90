"""Responses that go on from an earlier one, by `previous_response_id`, over real HTTP."""

import base64
import io

from PIL import Image

from embedded.scripted.script import ScriptedModel
from tests.gateway.responding import (
    PATH,
    create_response,
    get_response,
    join_text,
    post_response,
)
from tests.gateway_process import GatewayProcess
from tests.service import Service, wait_until

TOOLS_MODEL, VISION_MODEL = "smollm2-tools:135m", "smollm2-vision:135m"


WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}


def test_a_conversation_goes_on_from_its_responses(gateway: GatewayProcess, service: Service) -> None:
    """Each knows what was said before, but not the instructions of then; branches do not know of each other."""
    service.ollama.script(tokens=["I am Kim."])
    service.ollama.script(tokens=["fine"], times=None)
    first = create_response(gateway, "Who are you?", instructions="You are Kim.")
    second = create_response(gateway, "How are you?", previous_response_id=first["id"])
    gateway.http.delete(f"{PATH}/{first['id']}")
    create_response(gateway, "Sure?", previous_response_id=second["id"], instructions="Be short.")

    said = [("user", "Who are you?"), ("assistant", "I am Kim."), ("user", "How are you?"), ("assistant", "fine")]
    asked = [[(one["role"], one["content"]) for one in body["messages"]] for body in service.list_requests("/api/chat")]
    assert asked[1] == said[:3]
    assert asked[2] == [("system", "Be short."), *said, ("user", "Sure?")]
    assert second["previous_response_id"] == first["id"]


def test_a_response_that_has_no_answer_cannot_be_followed(gateway: GatewayProcess, service: Service) -> None:
    """It says why, instead of an answer without what was asked."""
    gate = service.hold(tokens=["a"])
    running = create_response(gateway, background=True)["id"]
    service.wait_held(gate)

    refused = post_response(gateway, previous_response_id=running)

    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (400, "previous_response_not_completed")
    assert error["param"] == "previous_response_id"
    service.ollama.release(gate)


def test_tools_are_called_and_answered_over_two_responses(gateway: GatewayProcess, service: Service) -> None:
    """The call has an id; its output goes to the model with the tool's name."""
    service.ollama.script(tool_calls=[{"function": {"name": "weather", "arguments": {"city": "Rome"}}}])
    service.ollama.script(tokens=["Sunny."])
    first = create_response(gateway, "Weather?", model=TOOLS_MODEL, tools=[WEATHER])
    (call,) = first["output"]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sun"}

    second = create_response(gateway, [output], model=TOOLS_MODEL, tools=[WEATHER], previous_response_id=first["id"])

    assert (call["type"], call["name"], call["arguments"]) == ("function_call", "weather", '{"city":"Rome"}')
    assert join_text(second) == "Sunny."
    messages = service.list_requests("/api/chat")[1]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool"]
    assert messages[1]["tool_calls"][0]["function"]["arguments"] == {"city": "Rome"}
    assert messages[2]["tool_name"] == "weather"


def test_what_is_kept_may_be_named_by_its_id(gateway: GatewayProcess, service: Service) -> None:
    """Some clients send the id of an item that they know to be kept: its thinking, text and call are those of then."""
    call = {"function": {"name": "weather", "arguments": {"city": "Rome"}}}
    service.ollama.script(thinking=["Hm"], tokens=["Let me look."], tool_calls=[call])
    service.ollama.script(tokens=["Sunny."], times=None)
    model = "smollm2-agent:135m"
    service.ollama.set_model(ScriptedModel(model, ("completion", "tools", "thinking")))
    wait_until(lambda: any(one.model == model for one in service.queue.models()))
    first = create_response(gateway, "Weather?", model=model, tools=[WEATHER])
    thought, text, called = first["output"]
    output = {"type": "function_call_output", "call_id": called["call_id"], "output": "sun"}
    asked = {"role": "user", "content": "Weather?"}
    named = [{"type": "item_reference", "id": thought["id"]}, {"id": text["id"]}]

    create_response(gateway, [asked, *named, called, output], model=model, tools=[WEATHER])
    create_response(gateway, [asked, thought, text, called, output], model=model, tools=[WEATHER])

    _, by_id, sent = service.list_requests("/api/chat")
    assert by_id["messages"] == sent["messages"]
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "tool"]
    assert (sent["messages"][1]["thinking"], sent["messages"][1]["content"]) == ("Hm", "Let me look.")


def test_an_item_that_is_not_kept_is_named(gateway: GatewayProcess, service: Service) -> None:
    """No answer without what the client meant: of no response, of one that is not kept or runs, or not an id."""
    gate = service.hold(tokens=["a"])
    running = create_response(gateway, background=True)["id"]
    service.wait_held(gate)
    forgotten = create_response(gateway, store=False)["output"][0]["id"]
    ended = create_response(gateway)["output"][0]["id"]
    ids = [forgotten, ended.replace("_0", "_1"), "msg_" + "0" * 32 + "_0", "msg_x", None]
    ids.append(f"msg_{running.removeprefix('resp_').replace('-', '')}_0")

    for each in ids:
        refused = post_response(gateway, [{"role": "user", "content": "hi"}, {"type": "item_reference", "id": each}])

        error = refused.json()["error"]
        assert (refused.status_code, error["code"], error["param"]) == (404, "item_not_found", "input[1].id")
    service.ollama.release(gate)


def test_a_picture_of_an_earlier_response_is_seen_again(gateway: GatewayProcess, service: Service) -> None:
    """It is kept once, with the jobs; the input items do not have its bytes."""
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(buffer, "PNG")
    url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    service.ollama.script(tokens=["red"], times=None)
    content = [{"type": "input_text", "text": "Which colour?"}, {"type": "input_image", "image_url": url}]
    first = create_response(gateway, [{"role": "user", "content": content}], model=VISION_MODEL)

    create_response(gateway, "Sure?", model=VISION_MODEL, previous_response_id=first["id"])

    one, two = service.list_requests("/api/chat")
    assert two["messages"][0]["images"] == one["messages"][0]["images"]
    (item,) = get_response(gateway, first["id"], "/input_items")["data"]
    assert item["content"][1] == {"type": "input_image", "detail": "auto", "image_url": None, "file_id": None}
