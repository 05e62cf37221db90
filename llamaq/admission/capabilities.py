"""What a request asks of its model beyond text, in Ollama's names for capabilities."""

from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.requests import AnyRequest


def of(request: AnyRequest) -> tuple[str, ...]:
    """The capabilities that the model must have for it."""
    return tuple(_fields(request))


def refusal(request: AnyRequest, capability: str, able: str) -> InvalidRequest:
    """The error for a model that lacks one of them; `able` are those that it has, joined by blanks."""
    field = _fields(request)[capability]
    message = f"{request.model} has no {capability}: its capabilities are {', '.join(able.split())}"
    return InvalidRequest.of(field, message, code="unsupported")


def _fields(request: AnyRequest) -> dict[str, str]:
    """Of each capability, the field that asks for it."""
    if request.kind == "embedding":
        return {"embedding": "model"}
    asked = {
        "vision": ("images", getattr(request, "images", None)),
        "tools": ("tools", getattr(request, "tools", None)),
        "thinking": ("think", getattr(request, "think", None)),
    }
    return {capability: field for capability, (field, value) in asked.items() if value}
