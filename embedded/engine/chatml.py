"""SmolLM2's prompt format: the template of Ollama's library."""

from collections.abc import Sequence

from embedded.engine.interface import Call, Json

STOPS = ("<|im_end|>", "<|im_start|>")
TEMPLATE = (
    "{{- if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}"
    "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
)
PARAMETERS = 'stop                           "<|im_end|>"\nstop                           "<|im_start|>"'


def messages_of(call: Call) -> list[Json]:
    """The messages of a call. A prompt becomes one user message."""
    if call.kind == "chat":
        return list(call.body["messages"])
    system = call.body.get("system")
    opening = [{"role": "system", "content": system}] if system else []
    return [*opening, {"role": "user", "content": call.body["prompt"]}]


def render(messages: Sequence[Json]) -> str:
    """The prompt, up to the beginning of the model's answer."""
    said = (f"<|im_start|>{item.get('role', 'user')}\n{item.get('content', '')}<|im_end|>\n" for item in messages)
    return "".join(said) + "<|im_start|>assistant\n"


def drop_oldest(messages: Sequence[Json]) -> list[Json] | None:
    """Drop the oldest message that is neither a system message nor the last; None if there is none."""
    for index, message in enumerate(messages[:-1]):
        if message.get("role") != "system":
            return [*messages[:index], *messages[index + 1 :]]
    return None
