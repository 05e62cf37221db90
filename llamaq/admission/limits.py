"""Input limits: a request beyond a limit is refused with the field, the limit and the size. Nothing is cut."""

import re

from llamaq.admission.texts import counted, rewritten, seen
from llamaq.settings.producer import Limits
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.requests import AnyRequest

# Tab, newline and the carriage return of a Windows newline are allowed.
_CONTROL = re.compile(r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


MOST_LISTED = 1_000_000
"""Entries of one answer, of any list."""


def listed_limit(limit: object) -> int:
    """The number of entries that a caller asks for.

    Raises:
        InvalidRequest: it is no whole number from 1 to a million.
    """
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST_LISTED:
        raise InvalidRequest.of("limit", f"give a whole number from 1 to {MOST_LISTED}")
    return limit


def check_text(request: AnyRequest, limits: Limits) -> None:
    """Refuse a request whose texts together are too long: all that a text rule counts.

    Raises:
        InvalidRequest: names the field at which the sum passes the limit.
    """
    total = 0
    for field, text in counted(request):
        total += len(text)
        if total > limits.prompt_chars:
            raise InvalidRequest.of(
                field,
                f"the request's texts come to more than {limits.prompt_chars} characters (LLAMAQ_MAX_PROMPT_CHARS); "
                f"this field alone has {len(text)}",
            )


def without_controls(request: AnyRequest, limits: Limits) -> AnyRequest:
    """The request without control characters in the texts that a model sees.

    Raises:
        InvalidRequest: it has some and the setting refuses them, or nothing is left of a text without them.
    """
    if limits.control_characters == "remove":
        return rewritten(request, lambda text: _CONTROL.sub("", text))
    for field, text in seen(request):
        found = _CONTROL.search(text)
        if found:
            raise InvalidRequest.of(
                field,
                f"the control character U+{ord(found[0]):04X} at character {found.start() + 1}: beside tab and newline "
                "none may come in (LLAMAQ_CONTROL_CHARACTERS=remove takes them out)",
            )
    return request
