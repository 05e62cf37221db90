"""The service's settings: the one place that reads the environment."""

import os
import socket
from functools import cache
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from llamaq.connection import USABLE_URL, checked_url
from llamaq.errors import InvalidRequest
from llamaq.keys import Keys
from llamaq.limits import Limits
from llamaq.submission import Settings as ProducerSettings

OLLAMA_PORT = 11434
_LOOPBACK = {"127.0.0.1", "localhost", "::1", "0.0.0.0", "::", ""}  # noqa: S104 - recognised here, never bound

Whole = Annotated[int, Field(ge=1)]


class Settings(BaseSettings):
    """Each is the variable `LLAMAQ_<NAME>`; an empty one counts as not set. See the table in the README.

    Raises:
        pydantic.ValidationError: naming each variable that does not fit.
    """

    model_config = SettingsConfigDict(
        env_prefix="LLAMAQ_", env_ignore_empty=True, extra="ignore", populate_by_name=True
    )

    redis_url: str = "redis://127.0.0.1:6379/0"
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "llamaq"
    ollama_url: str = Field("", validate_default=True)
    ollama_token: SecretStr | None = None
    ollama_ca_file: str | None = None
    host: str = ""
    slots: Whole = Field(1, validation_alias=AliasChoices("LLAMAQ_SLOTS", "OLLAMA_NUM_PARALLEL"))
    max_models: Whole = Field(1, validation_alias=AliasChoices("LLAMAQ_MAX_MODELS", "OLLAMA_MAX_LOADED_MODELS"))
    max_attempts: Whole = 3
    lease_seconds: Annotated[float, Field(ge=1, le=600)] = 15
    flush_ms: Annotated[float, Field(ge=0, le=10_000)] = 20
    drain_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30
    result_ttl: Whole = 86_400
    conversation_ttl: Whole = 2_592_000
    max_queued: Whole = 10_000
    max_prompt_chars: Whole = 200_000
    max_image_bytes: Whole = 20 * 1024 * 1024
    max_image_pixels: Whole = 40_000_000
    liveness_file: str = ""
    probe_seconds: Annotated[float, Field(gt=0, le=5)] = 5

    @field_validator("slots", "max_models", mode="before")
    @classmethod
    def _zero_of_ollama(cls, given: object, about: ValidationInfo) -> object:
        # Ollama's own variables take 0 for "decide by yourself": that must not keep a worker beside it from starting.
        ours = os.environ.get(f"LLAMAQ_{about.field_name or ''}".upper())
        return 1 if given == "0" and not ours else given

    @field_validator("ollama_token")
    @classmethod
    def _fits_a_header(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not (
            token.get_secret_value().isascii() and token.get_secret_value().strip().isprintable()
        ):
            raise ValueError("must be printable ASCII: it travels in a header")
        return token

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, url: str) -> str:
        try:
            return checked_url(url)
        except InvalidRequest:
            raise ValueError(USABLE_URL) from None

    @field_validator("ollama_url")
    @classmethod
    def _is_ollama(cls, url: str) -> str:
        return _url(url or os.environ.get("OLLAMA_HOST", ""))

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.ollama_token is not None and "@" in urlsplit(self.ollama_url).netloc:
            raise ValueError("give either LLAMAQ_OLLAMA_TOKEN or a user name in LLAMAQ_OLLAMA_URL, not both")
        stated = frozenset(self.model_fields_set)
        self.host = self.host or _identity(self.ollama_url)
        self.model_fields_set.intersection_update(stated)
        return self

    def states(self, name: str) -> bool:
        """Whether the environment gave this setting, rather than its default."""
        return name in self.model_fields_set

    @property
    def concurrency(self) -> int:
        """Threads of the pool: one for each slot, and two for intake and status while all slots are busy."""
        return self.slots * self.max_models + 2

    @property
    def producer(self) -> ProducerSettings:
        """The settings under which this worker submits what comes by Celery's or Redis' own ways."""
        return ProducerSettings(
            keys=Keys(self.prefix),
            limits=Limits(self.max_prompt_chars, self.max_image_bytes, self.max_image_pixels),
            max_queued=self.max_queued,
            result_ttl=self.result_ttl,
            max_attempts=self.max_attempts,
        )


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()


def _url(given: str) -> str:
    """`OLLAMA_HOST` has many forms: nothing, `ip`, `ip:port`, `:port`, a URL; 0.0.0.0 names a listener, not a peer."""
    text = given if "://" in given else f"http://{given}"
    parts = urlsplit(text)
    host = parts.hostname or "127.0.0.1"
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - as above
        host = "127.0.0.1"
    if parts.scheme not in {"http", "https"}:
        raise ValueError("must look like http://host:port, here or in OLLAMA_HOST")
    try:
        port = parts.port
    except ValueError:  # its own words would quote what may be a part of a password
        raise ValueError("its port is no number; percent-encode odd characters of a password") from None
    port = port or (443 if parts.scheme == "https" else 80 if "://" in given else OLLAMA_PORT)
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{user}{shown}:{port}{parts.path.rstrip('/')}"


def _identity(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"{socket.gethostname() if host in _LOOPBACK else host}:{parts.port}"
