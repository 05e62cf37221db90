"""Histories over the whole way: whatever the host takes completes, images in messages arrive, and turns keep them."""

import base64
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from api_client import OllamaClient, OllamaError
from llamaq import InvalidRequest, JobFailed, MessageDict
from tests.histories import IMAGE, histories
from tests.service import Service, fresh_name

VISION = "smollm2-vision:135m"
CALL: dict[str, Any] = {"id": "call_7", "function": {"index": 0, "name": "weather", "arguments": {"city": "Ulm"}}}


@settings(
    deadline=None,
    max_examples=30,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(histories())
def test_whatever_the_host_takes_completes(service: Service, messages: list[MessageDict]) -> None:
    """The same history, sent to the host and through the queue."""
    with OllamaClient(service.ollama.url) as direct:
        try:
            with direct.chat({"model": VISION, "messages": messages}) as stream:
                said = "".join((chunk.get("message") or {}).get("content") or "" for chunk in stream)
        except OllamaError:
            return

    assert service.queue.chat(VISION, messages=messages).result(30).text == said


def test_cline_363_images_in_a_history_reach_the_host(service: Service) -> None:
    """In their messages and in their order, by `chat` and by `multimodal`, from bytes and from base64."""
    history: list[MessageDict] = [
        {"role": "user", "content": "What is this?", "images": [IMAGE]},
        {"role": "assistant", "content": "Red."},
        {"role": "user", "content": "Sure?", "images": [base64.b64decode(IMAGE), IMAGE]},
    ]

    service.queue.chat(VISION, messages=history).result(30)
    service.queue.multimodal(VISION, messages=history).result(30)

    for asked in service.list_requests("/api/chat"):
        assert [said.get("images", []) for said in asked["messages"]] == [[IMAGE], [], [IMAGE, IMAGE]]


def test_images_in_a_chat_need_a_model_with_vision(service: Service) -> None:
    """Known before the job is queued, as with `multimodal`."""
    with pytest.raises(InvalidRequest, match=r"^images: smollm2:135m has no vision") as refused:
        service.queue.chat("smollm2:135m", messages=[{"role": "user", "images": [IMAGE]}])
    assert refused.value.code == "unsupported"


def test_a_conversation_keeps_its_images(service: Service) -> None:
    """Later turns send them again, in a fork too, and they are stored as long as the conversation is."""
    talk = service.queue.conversation(fresh_name())
    talk.set(model=VISION, ttl=200_000)
    talk.send({"role": "user", "content": "What is this?", "images": [IMAGE]}).result(30)
    fork = talk.fork(fresh_name())

    talk.send("Sure?").result(30)
    fork.send("Really?").result(30)

    reference = (talk.history()[0].images or [""])[0]
    assert [[said.get("images") for said in asked["messages"]] for asked in service.list_requests("/api/chat")] == [
        [[IMAGE]],
        [[IMAGE], None, None],
        [[IMAGE], None, None],
    ]
    assert service.redis.ttl(service.keys.blob(reference.removeprefix("sha256:"))) > 190_000


def test_hermes_an_answer_of_ours_goes_into_the_next_request(service: Service) -> None:
    """A tool loop as it is written: `result.message` itself, with its ids, and then the answers of the tools."""
    model, history = "smollm2-tools:135m", [MessageDict(role="user", content="How warm is it?")]
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    service.ollama.script(tool_calls=[CALL], tokens=[""])
    answer = service.queue.chat(model, messages=history, tools=tools).result(30).message
    assert (answer.tool_calls or [{}])[0]["id"] == "call_7"
    told: dict[str, Any] = {"role": "tool", "content": "", "tool_call_id": "call_7"}
    whole: list[Any] = [*history, answer, told]

    service.queue.chat(model, messages=whole, tools=tools).result(30)
    service.queue.chat(model, conversation=fresh_name(), message=whole, tools=tools).result(30)

    for asked in service.list_requests("/api/chat")[1:]:
        assert asked["messages"] == [*history, {"role": "assistant", "content": "", "tool_calls": [CALL]}, told]


def test_a_turn_of_a_tool_loop_brings_its_thoughts(service: Service) -> None:
    """Models that think between calls need them until the question is answered; then they are left out."""
    talk = service.queue.conversation(fresh_name())
    talk.set(model="smollm2-thinking:135m")
    service.ollama.script(thinking=["Look it up."], tool_calls=[CALL], tokens=[""])
    talk.send("How warm is it?").result(30)
    talk.send({"role": "tool", "content": "18 C", "tool_call_id": "call_7"}).result(30)
    talk.send("And tomorrow?").result(30)

    thoughts = [[said.get("thinking") for said in asked["messages"]] for asked in service.list_requests("/api/chat")]
    assert thoughts == [[None], [None, "Look it up.", None], [None, None, None, None, None]]


def test_a_refused_history_says_where(service: Service) -> None:
    """By a host of an older version, say: its words come through."""
    service.ollama.script(status=400, body={"error": "json: cannot unmarshal null into Go struct field"})

    with pytest.raises(JobFailed, match="cannot unmarshal null"):
        service.queue.chat(VISION, messages=[{"role": "user", "content": None}]).result(30)
