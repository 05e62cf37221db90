"""The service's settings: the one place that reads the environment."""

import os
import re
import socket
from functools import cache
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from llamaq.admission.host_jobs import CHORES
from llamaq.settings.producer import ControlCharacters, Limits
from llamaq.settings.producer import Settings as ProducerSettings
from llamaq.settings.secret_files import read_secret, with_password
from llamaq.settings.tenants import weights
from llamaq.store.connection import USABLE_URL, checked_url
from llamaq.store.keys import Keys
from llamaq.vocabulary.errors import InvalidRequest
from worker.settings import signing, variables

Export = Literal["otlp", "console"]
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

    # Celery's `inspect conf` shows the settings, and both URLs may hold a password.
    redis_url: str = Field("redis://127.0.0.1:6379/0", repr=False)
    redis_password_file: str = ""
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "llamaq"
    ollama_url: str = Field("", validate_default=True, repr=False)
    ollama_token: SecretStr | None = None
    ollama_token_file: str = ""
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
    max_queued_per_tenant: Annotated[int, Field(ge=0)] = 0
    tenant_weights: str = ""
    affinity_patience: Annotated[float, Field(ge=0, le=3600)] = 15
    lane_patience: Annotated[float, Field(ge=0, le=86_400)] = 60
    max_prompt_chars: Whole = 200_000
    max_image_bytes: Whole = 20 * 1024 * 1024
    max_image_pixels: Whole = 40_000_000
    control_characters: ControlCharacters = "refuse"
    allow_raw: Annotated[int, Field(ge=0, le=1)] = 0
    filter_pattern: str = ""
    filter_length: Annotated[int, Field(ge=0)] = 0
    pull_allowed: str = ""
    webhook_secret: SecretStr | None = None
    webhook_secret_file: str = ""
    webhook_private: Annotated[int, Field(ge=0, le=1)] = 0
    liveness_file: str = ""
    log_format: Literal["json", "console"] | None = None
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    metrics_host: str = "127.0.0.1"
    otel: Export | None = None
    otel_content: Annotated[int, Field(ge=0, le=1)] = 0
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

    @field_validator("redis_password_file")
    @classmethod
    def _takes_password(cls, path: str, about: ValidationInfo) -> str:
        # With the other field only as a check: which of the two is wrong is told here, by its variable.
        if path and "redis_url" in about.data:
            with_password(about.data["redis_url"], read_secret(path))
        return path

    @field_validator("ollama_token_file")
    @classmethod
    def _takes_token(cls, path: str, about: ValidationInfo) -> str:
        if path and about.data.get("ollama_token") is not None:
            raise ValueError("give either this or LLAMAQ_OLLAMA_TOKEN, not both")
        if path:
            cls._fits_a_header(SecretStr(read_secret(path)))
        return path

    @field_validator("webhook_secret")
    @classmethod
    def _signs(cls, secret: SecretStr | None) -> SecretStr | None:
        return SecretStr(signing.checked(secret.get_secret_value())) if secret is not None else None

    @field_validator("webhook_secret_file")
    @classmethod
    def _takes_secret(cls, path: str, about: ValidationInfo) -> str:
        if path and about.data.get("webhook_secret") is not None:
            raise ValueError("give either this or LLAMAQ_WEBHOOK_SECRET, not both")
        if path:
            signing.checked(read_secret(path))
        return path

    @field_validator("filter_pattern")
    @classmethod
    def _is_pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return pattern

    @field_validator("tenant_weights")
    @classmethod
    def _are_weights(cls, text: str) -> str:
        try:
            weights(text)
        except InvalidRequest as error:
            raise ValueError(error.problems[0].message) from None
        return text

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
        stated = frozenset(self.model_fields_set)
        self._take_secrets()
        if self.ollama_token is not None and "@" in urlsplit(self.ollama_url).netloc:
            raise ValueError("give either LLAMAQ_OLLAMA_TOKEN or a user name in LLAMAQ_OLLAMA_URL, not both")
        self.host = self.host or _identity(self.ollama_url)
        self.model_fields_set.intersection_update(stated)
        return self

    def _take_secrets(self) -> None:
        if self.redis_password_file:
            self.redis_url = with_password(self.redis_url, read_secret(self.redis_password_file))
        if self.ollama_token_file:
            self.ollama_token = SecretStr(read_secret(self.ollama_token_file))
        if self.webhook_secret_file:
            self.webhook_secret = SecretStr(read_secret(self.webhook_secret_file))

    def states(self, name: str) -> bool:
        """Whether the environment gave this setting, rather than its default."""
        return name in self.model_fields_set

    @property
    def concurrency(self) -> int:
        """Threads of the pool: one for each slot and chore, and two for intake and status while all are busy."""
        return self.slots * self.max_models + len(CHORES) + 2

    @property
    def producer(self) -> ProducerSettings:
        """The settings under which this worker submits what comes by Celery's or Redis' own ways."""
        return ProducerSettings(
            keys=Keys(self.prefix),
            limits=Limits(self.max_prompt_chars, self.max_image_bytes, self.max_image_pixels, self.control_characters),
            max_queued=self.max_queued,
            result_ttl=self.result_ttl,
            max_attempts=self.max_attempts,
            conversation_ttl=self.conversation_ttl,
            max_queued_per_tenant=self.max_queued_per_tenant,
            tenant_weights=weights(self.tenant_weights),
        )


@cache
def settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        pydantic.ValidationError: naming each variable that does not fit, as it was set.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise variables.named(error, os.environ) from None


def parallel_of_ollama() -> int | None:
    """What Ollama's own variable says of its slots here; None where it says nothing, or lets Ollama decide."""
    said = os.environ.get("OLLAMA_NUM_PARALLEL", "")
    return int(said) or None if said.isdecimal() else None


def unknown_variables() -> dict[str, list[str]]:
    """What is set and looks like a setting, but is none, each with the names that are like it."""
    return variables.unknown(os.environ, Settings.model_fields)


def _url(given: str) -> str:
    """`OLLAMA_HOST` has many forms: nothing, `ip`, `ip:port`, `:port`, a URL; 0.0.0.0 names a listener, not a peer."""
    text = given if "://" in given else f"http://{given}"
    parts = urlsplit(text)
    host = parts.hostname or "127.0.0.1"
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - as above
        host = "127.0.0.1"
    if parts.scheme not in {"http", "https"}:
        raise ValueError("must look like http://host:port")
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
