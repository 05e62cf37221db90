"""Histories as clients of all kinds write them: a strategy of hypothesis."""

import base64
import io
from typing import Any

import PIL.Image
from hypothesis import strategies as st

from llamaq import Limits
from llamaq.images import loading

Message = dict[str, Any]


def _image() -> str:
    data = io.BytesIO()
    PIL.Image.new("RGB", (32, 32), "red").save(data, "PNG")
    return base64.b64encode(loading.load(data.getvalue(), Limits()).data).decode()  # as it is stored and sent


IMAGE = _image()
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="<>[]{}:"), max_size=12)
ROLES = st.sampled_from(("system", "user", "assistant", "tool", "User", "ASSISTANT", "wizard", "developer"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS, lambda inner: st.lists(inner, max_size=2), max_leaves=3
)
ARGUMENTS = st.dictionaries(TEXTS, JSON, max_size=2)
# Ollama refuses the text, so that the comparison has both answers.
CALLS = st.fixed_dictionaries(
    {
        "function": st.fixed_dictionaries(
            {"name": st.just("weather")},
            optional={"arguments": ARGUMENTS | st.none() | st.just('{"city":"Ulm"}'), "index": st.integers(0, 3)},
        )
    },
    optional={"id": st.none() | st.just("call_1"), "type": st.just("function")},
)
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "content": TEXTS | st.none() | st.just([{"type": "text", "text": "x"}]),
    "thinking": TEXTS | st.none(),
    "tool_calls": st.lists(CALLS, max_size=2) | st.none(),
    "tool_name": TEXTS | st.none(),
    "tool_call_id": TEXTS | st.none(),
    # Of other clients and of other services; Ollama does not read them.
    "name": TEXTS | st.none(),
    "refusal": st.none(),
    "annotations": st.just([]),
    "reasoning_content": TEXTS | st.none(),
    "created_at": st.integers(),
}
_IMAGES = st.lists(st.just(IMAGE), max_size=2) | st.none()


def histories(*, images: bool = True, most: int = 4) -> st.SearchStrategy[list[Message]]:
    """Lists of messages: any roles in any order, tools, images, thinking, and empty and null parts."""
    optional = _FIELDS | ({"images": _IMAGES} if images else {})
    return st.lists(st.fixed_dictionaries({"role": ROLES}, optional=optional), min_size=1, max_size=most)
