"""Requests of each kind that set every field between them, with a text wherever one can stand."""

from typing import Any

_MESSAGES: list[dict[str, Any]] = [
    {"role": "user", "content": "text", "images": ["text"]},
    {
        "role": "assistant",
        "content": "text",
        "thinking": "text",
        "tool_calls": [{"id": "text", "function": {"name": "text", "arguments": {"city": ["text"]}}, "extra": "text"}],
    },
    {"role": "tool", "content": "text", "tool_name": "text", "tool_call_id": "text"},
]
_TOOLS = [{"type": "text", "function": {"name": "text", "description": "text"}}]
_SCHEMA = {"title": "text"}
_SHARED: dict[str, Any] = {
    "model": "text",
    "stream": False,
    "priority": "batch",
    "tenant": "text",
    "idempotency_key": "text",
    "metadata": {"trace": "text"},
    "notify": {"url": "https://shop.example/text", "events": ["failed"], "include_result": True},
    "start_after": 1.0,
    "start_within": 1.0,
    "first_token_within": 1.0,
    "stall_after": 1.0,
    "deadline": 1.0,
}
_OF_A_MODEL = {
    **_SHARED,
    "options": {"seed": 1, "stop": ["text"]},
    "keep_alive": "5m",
    "think": "low",
    "repetition_guard": False,
}
_OF_AN_ANSWER = {**_OF_A_MODEL, "truncate": True, "shift": False, "logprobs": True, "top_logprobs": 2}

REQUESTS: dict[str, list[dict[str, Any]]] = {
    "generate": [
        {
            **_OF_AN_ANSWER,
            "prompt": "text",
            "system": "text",
            "suffix": "text",
            "raw": False,
            "template": "text",
            "format": _SCHEMA,
            "images": ["text"],
            "context": [1],
        },
        {"model": "text", "prompt": "text", "format": "json"},
    ],
    "chat": [
        {**_OF_AN_ANSWER, "messages": _MESSAGES, "tools": _TOOLS, "format": _SCHEMA},
        {"model": "text", "conversation": "text", "message": "text", "when_busy": "reject"},
        {"model": "text", "conversation": "text", "message": _MESSAGES[1]},
        {"model": "text", "conversation": "text", "message": _MESSAGES},
    ],
    "multimodal": [
        {**_OF_A_MODEL, "prompt": "text", "system": "text", "images": ["text"], "max_edge": 9, "format": _SCHEMA},
        {"model": "text", "messages": _MESSAGES, "system": "text", "images": ["text"]},
    ],
    "extraction": [
        {
            **_OF_A_MODEL,
            "prompt": "text",
            "system": "text",
            "images": ["text"],
            "max_edge": 9,
            "schema": _SCHEMA,
            "repairs": 0,
            "refused_answer": {"text": "text", "errors": ["text"]},
        }
    ],
    "embedding": [
        {**_OF_A_MODEL, "input": "text"},
        {"model": "text", "input": ["text"], "dimensions": 1, "truncate": True},
    ],
    "pull": [{**_SHARED, "host": "text"}],
    "unload": [{**_SHARED, "host": "text"}],
    "load": [{**_SHARED, "host": "text", "options": {"num_ctx": 9, "stop": ["text"]}, "keep_alive": "1h"}],
}
