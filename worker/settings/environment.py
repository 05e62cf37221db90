"""Declares a worker's settings, and reads them from the environment."""

import os
import re
from functools import cache
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator

from llamaq.settings.declaration import MOST_COUNT, MOST_SECONDS, collect_fields, setting, variable_name
from llamaq.settings.lists import parse_list
from llamaq.settings.process import ProcessVariables
from llamaq.settings.secret_files import read_secret
from llamaq.settings.unknown_variables import remarks
from llamaq.store.connections.clients import DEFAULT_LIMIT_SECONDS
from llamaq.vocabulary.requests import HOST_JOBS
from worker.settings import authorities, ollama_address, variable_errors, webhook_secret

Export = Literal["otlp", "console"]
_SHARED = "the same for all workers of a host"


class Settings(ProcessVariables):
    """Each field is the variable `LLAMAQ_<NAME>`; an empty one counts as not set. `docs/settings.md` lists them.

    Raises:
        pydantic.ValidationError: naming each field that does not fit.
    """

    model_config = ConfigDict(validate_default=True)

    ollama_url: str = setting(
        f"http://127.0.0.1:{ollama_address.PORT}",
        "the Ollama host of this worker",
        values="a URL, or `host:port`",
        ollama="OLLAMA_HOST",
        secret=True,
    )
    ollama_token: SecretStr | None = setting(
        None, "bearer token that a proxy before Ollama asks for", values="printable ASCII", secret=True
    )
    ollama_token_file: str = setting("", "file with that token, in its place", values="a path")
    ollama_ca_file: str | None = setting(
        None, "certificate of the authority that signed the proxy's certificate", values="the path of a PEM file"
    )
    host: str = setting(
        "",
        "name of the host: workers with the same name share its slots, so machines with one name need a value each",
        values="up to 255 letters, digits, `.`, `_`, `-`, `[` or `]`; behind a colon only a number, as in `gpu1:80`",
        # The keys of a host are its name and a word behind a colon: `x:slots` would be the key of the slots of `x`.
        pattern=r"^([A-Za-z0-9._-]{0,255}|[A-Za-z0-9._\[\]:-]{0,255}:[0-9]{1,5})$",
        shown="`<host>:<port>` of the URL; this machine's name in place of a loopback address",
    )
    slots: int = setting(
        1,
        f"requests at a time per model on the host; {_SHARED}",
        least=1,
        most=1000,
        ollama="OLLAMA_NUM_PARALLEL",
    )
    max_models: int = setting(
        1,
        f"models that run on the host at a time; {_SHARED}",
        least=1,
        most=100,
        ollama="OLLAMA_MAX_LOADED_MODELS",
    )
    lease_seconds: float = setting(
        15,
        "a worker that is silent for this long counts as dead; its jobs start again within 5 s more",
        least=1,
        most=600,
    )
    flush_ms: float = setting(
        20,
        "milliseconds for which deltas after the first are joined; 0 sends each; at most a third of the lease",
        least=0,
        most=10_000,
    )
    flush_max_ms: float = setting(
        100,
        "milliseconds for which deltas are joined at most while Redis answers slowly, or while the fleet runs hundreds "
        "of jobs; unused where LLAMAQ_FLUSH_MS is 0; at most a third of the lease",
        least=0,
        most=10_000,
    )
    affinity_patience: float = setting(
        15,
        "seconds for which jobs for a loaded model may overtake a job that needs another model loaded",
        least=0,
        most=3600,
    )
    lane_patience: float = setting(
        60,
        "seconds for which jobs of higher lanes may overtake a lane before one of its jobs runs",
        least=0,
        most=86_400,
    )
    allow_control: int = setting(
        0,
        "1 takes the remote control commands of Celery that change a worker, as `shutdown` and `cancel_consumer`; "
        "who may publish on the channel can then stop workers",
        least=0,
        most=1,
    )
    orphan_seconds: float = setting(
        600,
        "seconds after which waiting jobs without `wait_for_model` end whose model no known host has any longer",
        least=1,
        most=MOST_SECONDS,
    )
    allow_raw: int = setting(
        0, "1 accepts `raw` and `template`, with which a producer can write control tokens", least=0, most=1
    )
    filter_pattern: str = setting(
        "",
        "what this worker removes from texts; the result tells how much was removed",
        values="a regular expression",
    )
    filter_length: int = setting(
        0, "characters to which this worker cuts each text; 0 cuts nothing", least=0, most=MOST_COUNT
    )
    pull_allowed: str = setting(
        "",
        "models that may be pulled through the queue; none by default",
        values="names and patterns such as `llama3.2,qwen3:*`",
    )
    webhook_secret: SecretStr | None = setting(
        None,
        "with it this worker delivers and signs the webhooks of requests (`notify`)",
        values=f"{webhook_secret.FORM}; several, joined by blanks, while one is replaced",
        secret=True,
    )
    webhook_secret_file: str = setting("", "file with that secret, in its place", values="a path")
    webhook_private: int = setting(0, "1 allows webhooks to private addresses", least=0, most=1)
    liveness_file: str = setting(
        "", "this worker touches it while it consumes; `worker alive` checks its age", values="a path"
    )
    otel: Export | None = setting(
        None, "exporter of OpenTelemetry traces; see [observability](observability.md)", shown="off"
    )
    otel_content: int = setting(0, "1 adds prompts and answers to the traces", least=0, most=1)
    probe_seconds: float = setting(5, "seconds between two probes of the host", above=0, most=5)

    def __init__(self, **values: Any) -> None:
        """Read what is not given from our variables, and from Ollama's where ours are not set."""
        ollamas = variable_errors.read_ollama_variables(os.environ, type(self).model_fields)
        super().__init__(**ollamas | collect_fields(type(self), os.environ) | values)

    @field_validator("ollama_token")
    @classmethod
    def _check_token(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not (
            token.get_secret_value().isascii() and token.get_secret_value().strip().isprintable()
        ):
            raise ValueError("must be printable ASCII, since it is sent in a header")
        return token

    @field_validator("ollama_ca_file")
    @classmethod
    def _check_ca_file(cls, path: str | None) -> str | None:
        if path:
            authorities.check(path)
        return path

    @field_validator("webhook_secret")
    @classmethod
    def _check_webhook_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        return SecretStr(webhook_secret.check(secret.get_secret_value())) if secret is not None else None

    @field_validator("ollama_token_file", "webhook_secret_file")
    @classmethod
    def _check_secret_file(cls, path: str, about: ValidationInfo) -> str:
        name = str(about.field_name).removesuffix("_file")
        if path and about.data.get(name) is not None:
            raise ValueError(f"give either this or {variable_name(name)}, not both")
        if path:
            check = cls._check_token if name == "ollama_token" else cls._check_webhook_secret
            check(SecretStr(read_secret(path)))
        return path

    @field_validator("pull_allowed")
    @classmethod
    def _check_model_list(cls, text: str) -> str:
        parse_list(text)
        return text

    @field_validator("filter_pattern")
    @classmethod
    def _check_pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return pattern

    @field_validator("ollama_url")
    @classmethod
    def _normalise_ollama_url(cls, url: str) -> str:
        return ollama_address.normalise_ollama_url(url)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name in ("ollama_token", "webhook_secret"):
            if path := getattr(self, f"{name}_file"):
                self._replace(**{name: SecretStr(read_secret(path))})
        if self.ollama_token is not None and "@" in urlsplit(self.ollama_url).netloc:
            raise ValueError("give either LLAMAQ_OLLAMA_TOKEN or a user name in LLAMAQ_OLLAMA_URL, not both")
        for name in ("flush_ms", "flush_max_ms"):
            if getattr(self, name) / 1000 > self.lease_seconds / 3:
                most = f"a third of LLAMAQ_LEASE_SECONDS, which is {self.lease_seconds / 3 * 1000:.0f} ms"
                raise ValueError(f"LLAMAQ_{name.upper()} must be at most {most}")
        self._replace(host=self.host or ollama_address.identity(self.ollama_url))
        return self

    def is_given(self, name: str) -> bool:
        """Whether this setting was given, rather than left at its default."""
        return name in self.model_fields_set

    @property
    def webhooks(self) -> str:
        """Which webhooks this worker sends, in the words of `senders.lua`."""
        if self.webhook_secret is None:
            return "none"
        return "private" if self.webhook_private else "public"

    @property
    def redis_seconds(self) -> float:
        """The limit of a call of Redis, with all its tries.

        A lease is renewed after a third of its time. A renewal that then finds a silent connection has ended over a new
        one before the lease expires, since a try has a third of this limit.
        """
        return min(DEFAULT_LIMIT_SECONDS, self.lease_seconds / 2)

    @property
    def broker_seconds(self) -> float:
        """The limit of one operation of Celery's connections, and the time after which a silent one is checked.

        Finding a silent one and connecting again takes three of it, well below the heartbeat's `MISSED_SECONDS`.
        """
        return min(5.0, max(1.0, self.lease_seconds / 3))

    @property
    def concurrency(self) -> int:
        """Threads of the pool: one for each slot and for each kind of host job, and two for intake and status."""
        return self.slots * self.max_models + len(HOST_JOBS) + 2


@cache
def load_settings() -> Settings:
    """Load the settings of this process, once.

    Raises:
        pydantic.ValidationError: naming each variable that does not fit, as it was set.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise variable_errors.name_variables(Settings, error, os.environ) from None


def read_ollama_parallel() -> int | None:
    """Read the slots that Ollama's own variable sets here; None where it is not set, or lets Ollama decide."""
    said = os.environ.get("OLLAMA_NUM_PARALLEL", "")
    return int(said) or None if said.isascii() and said.isdecimal() else None


def describe_unknown_variables() -> list[str]:
    """Describe each variable that looks like a setting and is none."""
    return remarks(os.environ)
