"""A producer's settings out of the environment: the one place of the SDK that reads it."""

import os
from collections.abc import Mapping
from typing import get_args

from llamaq.settings.producer import ControlCharacters, Limits, Settings
from llamaq.settings.secret_files import read_secret, with_password
from llamaq.settings.tenants import VARIABLE, weights
from llamaq.store.keys import Keys
from llamaq.vocabulary.errors import InvalidRequest

DEFAULT_URL = "redis://127.0.0.1:6379/0"


def read(environ: Mapping[str, str] | None = None) -> tuple[str, Settings]:
    """The URL of Redis and the settings. A variable that is empty counts as not set.

    Raises:
        InvalidRequest: naming the variable that is not what it should be.
    """
    given = {name: value for name, value in (os.environ if environ is None else environ).items() if value}
    limits, defaults = Limits(), Settings()
    return _url(given), Settings(
        keys=Keys(given.get("LLAMAQ_PREFIX", defaults.keys.prefix)),
        limits=Limits(
            prompt_chars=_whole(given, "LLAMAQ_MAX_PROMPT_CHARS", limits.prompt_chars),
            image_bytes=_whole(given, "LLAMAQ_MAX_IMAGE_BYTES", limits.image_bytes),
            image_pixels=_whole(given, "LLAMAQ_MAX_IMAGE_PIXELS", limits.image_pixels),
            control_characters=_control_characters(given.get("LLAMAQ_CONTROL_CHARACTERS", limits.control_characters)),
        ),
        max_queued=_whole(given, "LLAMAQ_MAX_QUEUED", defaults.max_queued),
        result_ttl=_whole(given, "LLAMAQ_RESULT_TTL", defaults.result_ttl),
        max_attempts=_whole(given, "LLAMAQ_MAX_ATTEMPTS", defaults.max_attempts),
        conversation_ttl=_whole(given, "LLAMAQ_CONVERSATION_TTL", defaults.conversation_ttl),
        max_queued_per_tenant=_whole(given, "LLAMAQ_MAX_QUEUED_PER_TENANT", defaults.max_queued_per_tenant, least=0),
        tenant_weights=weights(given.get(VARIABLE, "")),
    )


def _url(given: Mapping[str, str]) -> str:
    url, file = given.get("LLAMAQ_REDIS_URL", DEFAULT_URL), given.get("LLAMAQ_REDIS_PASSWORD_FILE")
    if file is None:
        return url
    try:
        return with_password(url, read_secret(file))
    except ValueError as error:
        raise InvalidRequest.of("LLAMAQ_REDIS_PASSWORD_FILE", str(error)) from None


def _control_characters(value: str) -> ControlCharacters:
    known: tuple[ControlCharacters, ...] = get_args(ControlCharacters)
    if value not in known:
        raise InvalidRequest.of("LLAMAQ_CONTROL_CHARACTERS", f"must be {' or '.join(known)}, not {value!r}")
    return known[known.index(value)]


def _whole(given: Mapping[str, str], name: str, default: int, least: int = 1) -> int:
    value = given.get(name)
    if value is None:
        return default
    if not value.isdecimal() or int(value) < least:
        raise InvalidRequest.of(name, f"must be a whole number above {least - 1}, not {value!r}")
    return int(value)
