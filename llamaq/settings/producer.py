"""The settings of a producer, which a worker reads too: their declaration, and their values in a client."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

from pydantic import BaseModel, ValidationError, ValidationInfo, field_validator, model_validator

from llamaq.settings import declaration, tenants
from llamaq.settings.declaration import MOST_COUNT, MOST_SECONDS, setting, variable_name
from llamaq.settings.secret_files import add_password, read_secret
from llamaq.store.connections.address import normalise_url
from llamaq.store.connections.clients import DEFAULT_LIMIT_SECONDS, DEFAULT_MOST
from llamaq.store.keys import Keys
from llamaq.store.redis_errors import OF_ARGUMENTS, OF_ENVIRONMENT, SettingNames
from llamaq.vocabulary.errors import InvalidRequest, Problem

ControlCharacters = Literal["refuse", "remove"]
_DECLARED_AS = "declared as"


class ProducerVariables(BaseModel):
    """The variables of a producer. A worker has them too, since it submits jobs that come by Celery or by plain Redis.

    Raises:
        pydantic.ValidationError: a value is wrong.
    """

    redis_url: str = setting(
        "redis://127.0.0.1:6379/0",
        "Redis: broker, job records, events",
        values="a URL: `redis://host:port/0`, `rediss://` for TLS, `unix:///path?db=0`, "
        "`redis+sentinel://a:26379,b:26379/MASTER/0`, or `rediss+sentinel://`; `valkey` for `redis` is taken too",
        secret=True,
    )
    redis_password_file: str = setting(
        "", "file with the password of that URL, which then contains none", values="a path"
    )
    prefix: str = setting(
        "llamaq",
        "first part of every key and channel, and the name of the intake queue",
        values="1 to 64 letters, digits, `.`, `_` or `-`",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
    )
    max_attempts: int = setting(3, "attempts before a job fails for good", least=1, most=MOST_COUNT)
    result_ttl: int = setting(86_400, "seconds for which an ended job and its log are kept", least=1, most=MOST_SECONDS)
    conversation_ttl: int = setting(
        2_592_000,
        "seconds for which a conversation is kept after its last use, unless it has a `ttl` of its own",
        least=1,
        most=MOST_SECONDS,
    )
    max_queued: int = setting(10_000, "jobs that wait per model before `QueueFull`", least=1, most=MOST_COUNT)
    max_queued_per_tenant: int = setting(
        0,
        "jobs of one tenant that wait, over all models, before `QueueFull`; 0 sets no limit",
        least=0,
        most=MOST_COUNT,
    )
    tenant_weights: str = setting(
        "",
        "shares of the slots within a lane; a tenant that is not listed has weight 1",
        values=f"a list such as `acme=3,free=1`, each weight from {tenants.LEAST} to {tenants.MOST}",
    )
    max_prompt_chars: int = setting(200_000, "characters of all texts of a request together", least=1, most=MOST_COUNT)
    max_embedding_chars: int = setting(
        10_000_000,
        "characters of all inputs of one embedding; one input is bounded by `LLAMAQ_MAX_PROMPT_CHARS`",
        least=1,
        most=MOST_COUNT,
    )
    max_image_bytes: int = setting(20_971_520, "bytes of one image, as given", least=1, most=2**29)
    max_image_pixels: int = setting(40_000_000, "width times height of one image", least=1, most=MOST_COUNT)
    call_seconds: float = setting(
        DEFAULT_LIMIT_SECONDS, "seconds for one call of the SDK, with all that it asks of Redis", least=0.1, most=3600
    )
    max_connections: int = setting(
        DEFAULT_MOST,
        "connections to Redis of one client: all readers of jobs together have up to 17, each call at a time one",
        least=1,
        most=100_000,
    )
    control_characters: ControlCharacters = setting(
        "refuse", "what happens to control characters, other than tab and newline, in a text for a model"
    )

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, url: str) -> str:
        try:
            return normalise_url(url)
        except InvalidRequest as error:
            raise ValueError(error.problems[0].message) from None

    @field_validator("redis_password_file")
    @classmethod
    def _check_password_file(cls, path: str, about: ValidationInfo) -> str:
        # Checked here so that the error names this variable; `_insert_password` below writes the URL.
        if path and "redis_url" in about.data:
            add_password(about.data["redis_url"], read_secret(path))
        return path

    @field_validator("tenant_weights")
    @classmethod
    def _check_weights(cls, text: str) -> str:
        tenants.parse_weights(text)
        return text

    @model_validator(mode="after")
    def _insert_password(self) -> Self:
        if self.redis_password_file:
            self._replace(redis_url=add_password(self.redis_url, read_secret(self.redis_password_file)))
        return self

    def _replace(self, **computed: object) -> None:
        # After an assignment, pydantic would count the setting among those that were given.
        self.__dict__.update(computed)

    @property
    def producer(self) -> "Settings":
        """The settings of a client that submits under these variables."""
        return Settings(
            keys=Keys(self.prefix),
            limits=Limits(from_environment=True, **_take_values(Limits, self)),
            tenant_weights=tenants.parse_weights(self.tenant_weights),
            from_environment=True,
            redis_names=OF_ENVIRONMENT,
            **_take_values(Settings, self),
        )


def _declared_field(name: str) -> Any:
    """A field with the default and the bounds of a variable."""
    return field(default=declaration.default(ProducerVariables, name), metadata={_DECLARED_AS: name})


def _declared_names(of: "type[Limits | Settings] | Limits | Settings") -> dict[str, str]:
    return {one.name: one.metadata[_DECLARED_AS] for one in fields(of) if one.metadata}


def _name(given: "Limits | Settings", name: str) -> str:
    if given.from_environment:
        return variable_name(_declared_names(given)[name])
    return f"{type(given).__name__}.{name}"


def _take_values(of: "type[Limits | Settings]", given: ProducerVariables) -> dict[str, Any]:
    return {name: getattr(given, declared) for name, declared in _declared_names(of).items()}


def _check(given: "Limits | Settings", **further: object) -> None:
    names = {declared: name for name, declared in _declared_names(given).items()}
    stated = {declared: getattr(given, name) for declared, name in names.items()} | further
    try:
        ProducerVariables.model_validate(stated, strict=True)
    except ValidationError as error:
        found = declaration.translate_error(ProducerVariables, error)
        raise InvalidRequest([Problem(names.get(one.field, one.field), one.message) for one in found]) from None


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one request.

    Attributes:
        prompt_chars: characters of all its texts together.
        image_bytes: bytes of one image, as given.
        image_pixels: width times height of one image.
        control_characters: what happens to those other than tab and newline.
        embedding_chars: characters of all inputs of one embedding; `prompt_chars` bounds each.
        from_environment: whether variables set them, which errors name then.

    Raises:
        InvalidRequest: a limit is out of bounds.
    """

    prompt_chars: int = _declared_field("max_prompt_chars")
    image_bytes: int = _declared_field("max_image_bytes")
    image_pixels: int = _declared_field("max_image_pixels")
    control_characters: ControlCharacters = _declared_field("control_characters")  # noqa: RUF009 - it makes a field
    embedding_chars: int = _declared_field("max_embedding_chars")
    from_environment: bool = field(default=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the bounds."""
        _check(self)

    def name(self, limit: str) -> str:
        """What an error calls a limit: the variable or the argument that sets it."""
        return _name(self, limit)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a client that submits jobs.

    Attributes:
        keys: the names of Redis' keys.
        limits: the limits of one request.
        max_queued: jobs that wait per model before `QueueFull`.
        result_ttl: seconds for which an ended job and its log are kept.
        max_attempts: attempts before a job fails for good.
        conversation_ttl: seconds for which a conversation is kept after its last use.
        max_queued_per_tenant: jobs of one tenant that wait before `QueueFull`, over all models; 0 sets no limit.
        call_seconds: for one verb, with all that it asks of Redis. Readers go on for longer.
        max_connections: of one client to Redis.
        tenant_weights: shares of the slots, within a lane; a tenant that is not listed has weight 1.
        from_environment: whether variables set them, which errors name then.
        redis_names: what errors of Redis call the settings of the connection.

    Raises:
        InvalidRequest: a setting is out of bounds.
    """

    keys: Keys = field(default_factory=lambda: Keys(declaration.default(ProducerVariables, "prefix")))
    limits: Limits = field(default_factory=Limits)
    max_queued: int = _declared_field("max_queued")
    result_ttl: int = _declared_field("result_ttl")
    max_attempts: int = _declared_field("max_attempts")
    conversation_ttl: int = _declared_field("conversation_ttl")
    max_queued_per_tenant: int = _declared_field("max_queued_per_tenant")
    call_seconds: float = _declared_field("call_seconds")
    max_connections: int = _declared_field("max_connections")
    tenant_weights: Mapping[str, float] = field(default_factory=dict)
    from_environment: bool = field(default=False, repr=False, compare=False)
    redis_names: SettingNames = field(default=OF_ARGUMENTS, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the types and the bounds."""
        for name, kind in (("keys", Keys), ("limits", Limits), ("tenant_weights", Mapping)):
            check_type(name, getattr(self, name), kind)
        _check(self, prefix=self.keys.prefix)
        tenants.check_weights(self.tenant_weights)

    def name(self, field_name: str) -> str:
        """What an error calls a setting: the variable or the argument that sets it."""
        return _name(self, field_name)


def resolve_settings(given: Settings | None, prefix: str, limits: Limits | None) -> Settings:
    """Resolve the settings of a client: those that it was given, or of a prefix and limits.

    Raises:
        InvalidRequest: one of them is wrong.
    """
    if given is None:
        return Settings(keys=Keys(prefix), limits=Limits() if limits is None else limits)
    check_type("settings", given, Settings)
    return given


def check_type(name: str, given: object, kind: type) -> None:
    """Refuse an argument of another type.

    Raises:
        InvalidRequest: names it.
    """
    if not isinstance(given, kind):
        raise InvalidRequest.of(name, f"give a value of {kind.__name__}, not {type(given).__name__}")
