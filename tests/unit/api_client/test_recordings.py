"""Every recorded answer of a real Ollama comes out as it must: the right error, or the very chunks."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from api_client import (
    BadRequest,
    Chunk,
    ContextOverflow,
    Forbidden,
    HostUnreachable,
    ModelNotFound,
    NoSuchPath,
    OllamaClient,
    OllamaError,
    OllamaStatusError,
    RegistryUnreachable,
    RunnerDied,
    ServerBusy,
    StreamError,
    Unsupported,
)
from api_client.shapes.lines import GENERATE
from tests.unit.api_client import recordings
from tests.unit.api_client.scripted_server import ScriptedServer

# case: (the exact type, sent again at once?)
FAULTS: dict[str, tuple[type[OllamaError], bool]] = {
    "blob_head_missing": (NoSuchPath, False),
    "chat_content_parts_list": (BadRequest, False),
    "chat_format_bad_string": (BadRequest, False),
    "chat_think_string_high": (Unsupported, False),
    "chat_think_true": (Unsupported, False),
    "chat_think_true_stream": (Unsupported, False),
    "chat_tool_args_as_string": (BadRequest, False),
    "chat_tools_unsupported": (Unsupported, False),
    "chat_unknown_model_stream_False": (ModelNotFound, False),
    "chat_unknown_model_stream_True": (ModelNotFound, False),
    "copy_unknown": (ModelNotFound, False),
    "delete_wrong_method": (OllamaStatusError, False),
    "disconnect_results": (RunnerDied, False),
    "embed_long_truncate_default": (Unsupported, False),
    "embed_long_truncate_false": (ContextOverflow, False),
    "embed_single": (Unsupported, False),
    "embed_unknown_model": (ModelNotFound, False),
    "embeddings_legacy": (Unsupported, False),
    "embedmodel_chat": (Unsupported, False),
    "embedmodel_long_trunc_false": (ContextOverflow, False),
    "empty_body": (BadRequest, False),
    "generate_format_bad_schema": (BadRequest, False),
    "generate_format_bad_string": (BadRequest, False),
    "generate_model_no_tag": (ModelNotFound, False),
    "generate_no_model": (ModelNotFound, False),
    "generate_suffix_unsupported": (Unsupported, False),
    "generate_think_true": (Unsupported, False),
    "generate_unknown_model_stream_False": (ModelNotFound, False),
    "images_data_url": (BadRequest, False),
    "images_invalid_base64_generate": (BadRequest, False),
    "images_on_nonvision_chat": (Unsupported, False),
    "images_on_nonvision_generate": (Unsupported, False),
    "json_array_body": (BadRequest, False),
    "long_prompt_generate_ctx256_trunc_false": (ContextOverflow, False),
    "long_prompt_generate_ctx256_trunc_false_stream": (ContextOverflow, False),
    "malformed_json": (BadRequest, False),
    "malformed_json_text": (BadRequest, False),
    "midstream_error_runner_killed_generate": (RunnerDied, False),
    "midstream_error_runner_killed_v1": (StreamError, False),  # we speak /api only: its lines are not ours
    "options_invalid_type_str": (BadRequest, False),
    "origin_foreign": (Forbidden, False),
    "pull_insecure_registry": (RegistryUnreachable, False),
    "pull_unreachable_nonstream": (RegistryUnreachable, False),
    "pull_unreachable_stream": (RegistryUnreachable, False),
    "queue_cold_maxqueue2_8req": (ServerBusy, True),
    "queue_cold_v1_8req": (ServerBusy, True),
    "queue_two_models_8req": (ServerBusy, True),
    "server_down": (HostUnreachable, True),
    "show_unknown": (ModelNotFound, False),
    "trailing_slash": (OllamaStatusError, False),
    "unknown_path": (NoSuchPath, False),
    "v1_chat_image_nonvision": (Unsupported, False),
    "v1_chat_malformed": (BadRequest, False),
    "v1_chat_no_messages": (BadRequest, False),
    "v1_chat_unknown_model": (ModelNotFound, False),
    "v1_models_one_unknown": (ModelNotFound, False),
    "vision_valid_b64_not_image": (BadRequest, False),
    "vision_valid_b64_not_image_chat_stream": (BadRequest, False),
    "wrong_method_get_generate": (OllamaStatusError, False),
}

CAPABILITIES = {
    "chat_think_true": "thinking",
    "chat_tools_unsupported": "tools",
    "embed_single": "embedding",
    "embeddings_legacy": "embedding",
    "embedmodel_chat": "completion",
    "generate_suffix_unsupported": "insert",
    "images_on_nonvision_chat": "vision",
    "v1_chat_image_nonvision": "vision",
}

STREAMS = [
    "chat_format_schema_stream",
    "chat_stream",
    "chat_tools_supported_stream",
    "ctx_overflow_shift_false_stream",
    "generate_no_stream_field",
    "generate_stream_null",
    "generate_stream_true",
]
SINGLE_ANSWERS = [
    "chat_nonstream",
    "generate_nonstream",
    "generate_load_empty_prompt",
    "unload_chat",
    "chat_tool_call_emitted_stream_False",
    "long_prompt_generate_ctx256",
]


def catch_error(client: OllamaClient, path: str) -> OllamaError:
    """Runs the call that a job, or a probe, makes on this path."""
    calls: dict[str, Callable[[], object]] = {
        "/api/embed": lambda: client.embed({"model": "m"}).result(),
        "/api/show": lambda: client.show("m"),
        "/api/version": client.version,
        "/api/tags/": client.tags,
        "/api/pull": lambda: list(client.pull("m")),
        "/api/chat": lambda: list(client.chat({"model": "m"})),
        "/api/generate": lambda: list(client.generate({"model": "m"})),
    }
    call = calls.get(path, lambda: list(client.stream(path, {"model": "m"}, GENERATE)))
    with pytest.raises(OllamaError) as caught:
        call()
    return caught.value


def replay(case: str) -> OllamaError:
    """Replays a fault with one retry allowed, and checks that it was used only where it can help."""
    fault = recordings.find_fault(case)
    if fault.status is None:
        return catch_refusal(fault.path)
    with (
        ScriptedServer(fault.make_script()) as server,
        OllamaClient(server.url, retries=1, backoff_seconds=0) as client,
    ):
        error = catch_error(client, fault.path)
        assert len(server.visits) == (2 if FAULTS[case][1] else 1)
    return error


def catch_refusal(path: str) -> OllamaError:
    with socket.socket() as bound:  # bound and not listening: the port is ours, and refuses
        bound.bind(("127.0.0.1", 0))
        with OllamaClient(f"http://127.0.0.1:{bound.getsockname()[1]}", retries=1, backoff_seconds=0) as client:
            return catch_error(client, path)


@pytest.mark.parametrize("case", sorted(FAULTS))
def test_each_recorded_fault_has_its_type(case: str) -> None:
    """What a real Ollama answered comes out as exactly this error."""
    kind, _ = FAULTS[case]
    error = replay(case)
    assert type(error) is kind, error
    status = recordings.find_fault(case).status
    assert error.status == (None if status == 200 else status)


def _read_of(line: dict[str, Any]) -> dict[str, Any]:
    """A line without the fields that nobody reads."""
    line = {name: value for name, value in line.items() if name != "created_at"}
    if "message" in line:
        line["message"] = {name: value for name, value in line["message"].items() if name != "role"}
    return line


def test_no_recorded_fault_is_forgotten() -> None:
    """A new recording that holds an error must be entered in the table."""
    assert recordings.list_faulty_cases() == set(FAULTS)


@pytest.mark.parametrize("case", sorted(CAPABILITIES))
def test_unsupported_names_the_capability(case: str) -> None:
    """The capability a model lacks is named in the words of its list of capabilities."""
    error = replay(case)
    assert isinstance(error, Unsupported)
    assert error.capability == CAPABILITIES[case]


def test_context_overflow_tells_the_numbers() -> None:
    """The lengths out of the engine's error, which is JSON inside a JSON string, are attributes."""
    error = replay("long_prompt_generate_ctx256_trunc_false")
    assert isinstance(error, ContextOverflow)
    assert (error.n_prompt_tokens, error.n_ctx) == (3010, 256)
    assert error.message == "request (3010 tokens) exceeds the available context size (256 tokens), try increasing it"


def test_nested_messages_are_unwrapped() -> None:
    """The message of the engine inside /v1's error inside the body is what a person reads."""
    error = replay("v1_chat_image_nonvision")
    assert error.message == "Multimodal data provided, but model does not support multimodal requests."


@pytest.mark.parametrize("case", STREAMS + SINGLE_ANSWERS)
def test_each_recorded_answer_comes_out_unchanged(case: str) -> None:
    """A stream gives its lines as dicts in order; an answer that is not streamed is its only chunk."""
    (answer,) = recordings.load_answers(case)
    with ScriptedServer(answer.make_script()) as server, OllamaClient(server.url) as client:
        ask = client.chat if answer.path == "/api/chat" else client.generate
        assert list(ask({"model": "m"})) == [_read_of(line) for line in answer.lines()]


@pytest.mark.parametrize("case", ["embedmodel_embed", "embedmodel_embed_batch"])
def test_recorded_embeddings_come_out_unchanged(case: str) -> None:
    """All numbers of all embeddings arrive."""
    (answer,) = recordings.load_answers(case)
    with ScriptedServer(answer.make_script()) as server, OllamaClient(server.url) as client:
        assert [client.embed({"model": "m"}).result()] == [_read_of(line) for line in answer.lines()]


def test_text_before_a_fault_is_given() -> None:
    """A stream that fails later has given all its chunks before it raises."""
    fault = recordings.find_fault("midstream_error_runner_killed_generate")
    with ScriptedServer(fault.make_script()) as server, OllamaClient(server.url) as client:
        stream = client.generate({"model": "m"})
        given: list[Chunk] = []
        with pytest.raises(RunnerDied):
            given.extend(iter(stream))
        assert len(given) > 2
        assert given == [_read_of(line) for line in fault.lines()[:-1]]
