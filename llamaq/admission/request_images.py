"""The images of a request: of the request itself, and of the messages in it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llamaq.images.image import REFERENCE, Image, ImageSource
from llamaq.settings.producer import Limits
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.kinds.message import Message
from llamaq.vocabulary.requests import AnyRequest

Sources = dict[str, Sequence[ImageSource]]
"""The images as they were given, by the path of their field: `images`, `messages.0.images`."""
_PLACEHOLDER = "images are checked after the request"
_IN_MESSAGES = ("messages", "message")
_STORED = re.compile(REFERENCE + r"[0-9a-f]{64}")


def separate_images(fields: Mapping[str, Any]) -> tuple[dict[str, Any], Sources]:
    """Take the images out of the fields, with a placeholder for each: paths and bytes are no part of a request.

    Raises:
        InvalidRequest: `images` is not a list.
    """
    sources: Sources = {}
    found = _move_images(fields, "images", sources)
    for name in _IN_MESSAGES:
        match found.get(name):
            case list() | tuple() as messages:
                found[name] = [
                    _move_images(each, f"{name}.{index}.images", sources) if isinstance(each, Mapping) else each
                    for index, each in enumerate(messages)
                ]
            case Mapping() as message:
                found[name] = _move_images(message, f"{name}.images", sources)
    return found, sources


def _move_images(fields: Mapping[str, Any], path: str, sources: Sources) -> dict[str, Any]:
    given = fields.get("images")
    if given is None:
        return dict(fields)
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise InvalidRequest.of(path, "give a list, also for a single image")
    sources[path] = given
    return {**fields, "images": [_PLACEHOLDER for _ in given]}


def image_fields(request: AnyRequest) -> Iterator[tuple[str, list[str]]]:
    """The fields that hold images, by their paths."""
    if own := optional_field(request, "images"):
        yield "images", own
    for path, message in _messages(request):
        if message.images:
            yield f"{path}.images", message.images


def optional_field(request: AnyRequest, name: str) -> Any:
    """A field that not every kind has, or None. `getattr` would cost more, with its exception for a missing field."""
    return vars(request).get(name)


def references(request: AnyRequest) -> list[str]:
    """All images of a request, each once."""
    return list(dict.fromkeys(image for _, images in image_fields(request) for image in images))


def load_images(request: AnyRequest, limits: Limits, sources: Sources) -> tuple[AnyRequest, tuple[Image, ...]]:
    """Load the images: returns the request with their references, and those to store.

    Raises:
        InvalidRequest: an image is refused.
    """
    max_edge: int | None = optional_field(request, "max_edge")
    found = {
        path: [
            _load_image(source, limits, f"{path}.{index}", max_edge)
            for index, source in enumerate(sources.get(path, images))
        ]
        for path, images in image_fields(request)
    }
    if not found:
        return request, ()
    named = {
        path: [image.reference if isinstance(image, Image) else image for image in images]
        for path, images in found.items()
    }
    to_store = tuple(image for images in found.values() for image in images if isinstance(image, Image))
    return _set_references(request, named), to_store


def _set_references(request: AnyRequest, named: Mapping[str, list[str]]) -> AnyRequest:
    changes: dict[str, Any] = {"images": named["images"]} if "images" in named else {}
    for name in _IN_MESSAGES:
        match optional_field(request, name):
            case list() as messages:
                changes[name] = [
                    _set_images(each, named.get(f"{name}.{index}.images")) for index, each in enumerate(messages)
                ]
            case Message() as message:
                changes[name] = _set_images(message, named.get(f"{name}.images"))
    return request.model_copy(update=changes)


def _set_images(message: Message, images: list[str] | None) -> Message:
    return message if images is None else message.model_copy(update={"images": images})


def _messages(request: AnyRequest) -> Iterator[tuple[str, Message]]:
    for name in _IN_MESSAGES:
        match optional_field(request, name):
            case None:
                pass  # most often; to find that it is no message takes longer
            case list() as messages:
                yield from ((f"{name}.{index}", message) for index, message in enumerate(messages))
            case Message() as message:
                yield name, message


def _load_image(source: ImageSource, limits: Limits, name: str, max_edge: int | None) -> Image | str:
    if isinstance(source, str) and _STORED.fullmatch(source):
        return source
    from llamaq.images import loading  # noqa: PLC0415 - it imports Pillow, which only images need

    return loading.load(source, limits, name, max_edge)
