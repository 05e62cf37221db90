"""Input limits: a request beyond one is refused with the field, the limit and the size; nothing is cut."""

from collections.abc import Iterator
from dataclasses import dataclass

from llamaq.errors import InvalidRequest
from llamaq.requests import AnyRequest, Message


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may bring.

    Attributes:
        prompt_chars: characters of all its texts together.
        image_bytes: of one image, as given.
        image_pixels: width times height of one image.
    """

    prompt_chars: int = 200_000
    image_bytes: int = 20 * 1024 * 1024
    image_pixels: int = 40_000_000


def check_text(request: AnyRequest, limits: Limits) -> None:
    """Refuse a request whose texts are too long.

    Raises:
        InvalidRequest: naming the field that took the sum over the limit.
    """
    total = 0
    for field, text in _texts(request):
        total += len(text)
        if total > limits.prompt_chars:
            raise InvalidRequest.of(
                field,
                f"the request's texts come to more than {limits.prompt_chars} characters (LLAMAQ_MAX_PROMPT_CHARS); "
                f"this field alone has {len(text)}",
            )


def _texts(request: AnyRequest) -> Iterator[tuple[str, str]]:
    for field in ("prompt", "system", "suffix", "template", "input"):
        value = getattr(request, field, None)
        if isinstance(value, str):
            yield field, value
        elif isinstance(value, list):
            yield from ((f"{field}.{index}", text) for index, text in enumerate(value))
    for index, message in enumerate(getattr(request, "messages", None) or ()):
        yield f"messages.{index}.content", message.content
    message = getattr(request, "message", None)
    if message is not None:
        yield "message", message.content if isinstance(message, Message) else message
