"""Input limits. A request beyond a limit is refused, and not cut; the error names the field, the limit and the size."""

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from pydantic import BaseModel

from llamaq.admission.texts import counted_texts, model_texts, rewrite_texts
from llamaq.settings.producer import Limits
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.requests import AnyRequest

# Tab, newline and the carriage return of a Windows newline are allowed.
_CONTROL = re.compile(r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
T = TypeVar("T")
MOST_NOTE = 2_097_152
"""Characters of a note."""


def check_iterable(given: Iterable[T], name: str) -> Iterable[T]:
    """Check and return what a call was given to take one by one: a list, a generator, or another iterable.

    Raises:
        InvalidRequest: it is none, or a single request or text: Python would iterate over its fields or letters.
    """
    if not isinstance(given, Iterable) or isinstance(given, str | bytes | bytearray | Mapping | BaseModel):
        raise InvalidRequest.of(name, f"give a list (also for a single one) or an iterator, not {type(given).__name__}")
    return given


def check_note(note: object) -> None:
    """Refuse a note that is no text, or too long.

    Raises:
        InvalidRequest: says so.
    """
    if not isinstance(note, str) or len(note) > MOST_NOTE:
        raise InvalidRequest.of("note", f"give a text of at most {MOST_NOTE} characters")


def check_text(request: AnyRequest, limits: Limits) -> None:
    """Refuse a request whose counted texts are together too long. Text rules say which are counted.

    An embedding is a list of independent inputs: each has the limit for itself, and all together have a higher one.

    Raises:
        InvalidRequest: names the field at which the sum is over the limit.
    """
    most, limit = limits.prompt_chars, "prompt_chars"
    if embeds := request.kind == "embedding":
        most, limit = max(most, limits.embedding_chars), "embedding_chars"
    total = 0
    for field, text in counted_texts(request):
        total += len(text)
        if embeds and len(text) > limits.prompt_chars:
            most_each = f"{limits.prompt_chars} ({limits.name('prompt_chars')})"
            raise InvalidRequest.of(field, f"it has {len(text)} characters, more than {most_each}: split it")
        if total > most:
            remedy = "give the rest to further jobs" if embeds else f"this field alone has {len(text)}"
            message = f"the request's texts come to more than {most} characters ({limits.name(limit)}); {remedy}"
            raise InvalidRequest.of(field, message)


def apply_control_policy(request: AnyRequest, limits: Limits) -> AnyRequest:
    """Refuse or remove the control characters in the texts that a model sees, as the setting says.

    Raises:
        InvalidRequest: the setting refuses them, or a text that must not be empty has nothing else.
    """
    if limits.control_characters == "remove":
        return rewrite_texts(request, lambda text: _CONTROL.sub("", text))
    for field, text in model_texts(request):
        found = _CONTROL.search(text)
        if found:
            raise InvalidRequest.of(
                field,
                f"the control character U+{ord(found[0]):04X} at character {found.start() + 1}: beside tab and newline "
                f"none may come in ({limits.name('control_characters')}=remove takes them out)",
            )
    return request
