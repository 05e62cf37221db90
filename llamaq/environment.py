"""A producer's settings out of the environment: the one place of the SDK that reads it."""

import os
from collections.abc import Mapping

from llamaq.errors import InvalidRequest
from llamaq.keys import Keys
from llamaq.limits import Limits
from llamaq.submission import Settings

DEFAULT_URL = "redis://127.0.0.1:6379/0"


def read(environ: Mapping[str, str] | None = None) -> tuple[str, Settings]:
    """The URL of Redis and the settings. A variable that is empty counts as not set.

    Raises:
        InvalidRequest: naming the variable that is not the whole number it should be.
    """
    given = {name: value for name, value in (os.environ if environ is None else environ).items() if value}
    limits, defaults = Limits(), Settings()
    return given.get("LLAMAQ_REDIS_URL", DEFAULT_URL), Settings(
        keys=Keys(given.get("LLAMAQ_PREFIX", defaults.keys.prefix)),
        limits=Limits(
            prompt_chars=_whole(given, "LLAMAQ_MAX_PROMPT_CHARS", limits.prompt_chars),
            image_bytes=_whole(given, "LLAMAQ_MAX_IMAGE_BYTES", limits.image_bytes),
            image_pixels=_whole(given, "LLAMAQ_MAX_IMAGE_PIXELS", limits.image_pixels),
        ),
        max_queued=_whole(given, "LLAMAQ_MAX_QUEUED", defaults.max_queued),
        result_ttl=_whole(given, "LLAMAQ_RESULT_TTL", defaults.result_ttl),
        max_attempts=_whole(given, "LLAMAQ_MAX_ATTEMPTS", defaults.max_attempts),
    )


def _whole(given: Mapping[str, str], name: str, default: int) -> int:
    value = given.get(name)
    if value is None:
        return default
    if not value.isdecimal() or int(value) < 1:
        raise InvalidRequest.of(name, f"must be a whole number above 0, not {value!r}")
    return int(value)
