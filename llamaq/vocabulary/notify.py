"""Webhooks, by Standard Webhooks: the URL that a worker calls at the end of a job, and the body."""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from llamaq.vocabulary.text_rules import not_a_text
from llamaq.vocabulary.wire import Strict

Ending = Literal["completed", "failed", "cancelled", "expired"]
ENDINGS: tuple[Ending, ...] = get_args(Ending)
_PLAIN = re.compile(r"[\x21-\x7e]+")
# These hold an IPv4 address, which a gateway in the worker's own network may translate.
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("::/96"))


def check_url(url: str) -> str:
    """Check that a worker can call the URL, and return it.

    Raises:
        ValueError: it cannot.
    """
    if not _PLAIN.fullmatch(url):
        raise ValueError("must be printable ASCII without blanks: write other names as xn--, other characters as %XX")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must look like https://name/path")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password: the signature authenticates the caller")
    if parts.fragment:
        raise ValueError("must not have a fragment: it is not sent")
    if parts.port == 0:  # urlsplit raises ValueError for a port that is no number
        raise ValueError("its port must be from 1 to 65535")
    return url


def is_public(address: str) -> bool:
    """Whether the address is public: not private, not of this machine, and not one that holds another address."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address):
        inner = parsed.ipv4_mapped
        if inner is not None:
            return _is_public_address(inner)
        if (
            parsed.is_site_local
            or parsed.sixtofour
            or parsed.teredo
            or any(parsed in network for network in _TRANSLATED)
        ):
            return False
    return _is_public_address(parsed)


def _is_public_address(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved)


def has_private_host(url: str) -> bool:
    """Whether the URL itself says that its host is not public. Of other names only a worker finds out, by resolving."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return not is_public(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class Notify(Strict):
    """A webhook for a job's end.

    `events` are the terminal states that it is called for, by default all. The body has the job's id, kind, model,
    state, metadata and error code. With `include_result` it also has the result, or the whole error.
    """

    url: Annotated[str, Field(min_length=1, max_length=2048), AfterValidator(check_url), not_a_text("a URL")]
    events: Annotated[list[Ending], Field(min_length=1, max_length=len(ENDINGS))] = Field(default=list(ENDINGS))
    include_result: bool = False


def notify_field(notify: Notify | None) -> str:
    """The webhook as a field of the record: `<url> <1 or 0> <end>,<end>`; empty where the request has none."""
    return f"{notify.url} {notify.include_result:d} {','.join(notify.events)}" if notify else ""


class EndedJob(BaseModel):
    """The job in the body of a webhook; result, error and reason only with `include_result`.

    One that is longer than 1 MiB is left out, and `omitted` is true: read it by the job's id.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

    id: str
    state: Ending
    kind: str
    model: str
    metadata: dict[str, str] = Field(default_factory=dict)
    code: str | None = None
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    reason: str | None = None
    omitted: Literal[True] | None = None


class Notice(BaseModel):
    """The body of a webhook, by Standard Webhooks: the event, its time (ISO 8601), and the job."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    type: Literal["job.completed", "job.failed", "job.cancelled", "job.expired"]
    timestamp: str
    data: EndedJob
