"""The capabilities that a request needs of its model, by Ollama's names."""

from collections.abc import Sequence

from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.requests import DECLARATIONS, AnyRequest


def list_needed(request: AnyRequest, images: Sequence[str]) -> list[str]:
    """List the capabilities that the model must have. `images` are those of the request and of its messages."""
    needs = DECLARATIONS[request.kind].needs
    return [name for name, field in needs.items() if (images if field == "images" else getattr(request, field))]


def refusal(request: AnyRequest, capability: str, able: str) -> InvalidRequest:
    """The error for a model that lacks a capability; `able` are those that it has, joined by blanks."""
    field = DECLARATIONS[request.kind].needs[capability]
    message = f"{request.model} has no {capability}: its capabilities are {', '.join(able.split())}"
    return InvalidRequest.of(field, message, code="unsupported")
