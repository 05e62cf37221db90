"""The capabilities that a request needs of its model, by Ollama's names."""

from llamaq.admission.request_images import references
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.requests import DECLARATIONS, AnyRequest


def of(request: AnyRequest) -> tuple[str, ...]:
    """The capabilities that the model must have."""
    needs = DECLARATIONS[request.kind].needs
    return tuple(capability for capability, field in needs.items() if _asks(request, field))


def _asks(request: AnyRequest, field: str) -> bool:
    # Messages have images too.
    return bool(references(request) if field == "images" else getattr(request, field))


def refusal(request: AnyRequest, capability: str, able: str) -> InvalidRequest:
    """The error for a model that lacks a capability; `able` are those that it has, joined by blanks."""
    field = DECLARATIONS[request.kind].needs[capability]
    message = f"{request.model} has no {capability}: its capabilities are {', '.join(able.split())}"
    return InvalidRequest.of(field, message, code="unsupported")
