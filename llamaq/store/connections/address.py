"""The address of Redis: what is taken, and in the one form that redis-py, kombu and a message read alike.

redis-py takes almost any text. It ends a password at a `#` and connects to localhost, takes the host out of the query,
and ignores a database that is no number. So the address is read here, by a grammar that leaves no second reading.
"""

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import quote, unquote

from llamaq.vocabulary.errors import InvalidRequest

USABLE_URL = "must look like redis://[user:password@]host:port/0, or rediss:// for TLS; percent-encode odd characters"
_PARTS = re.compile(
    r"(?P<scheme>rediss?)://(?P<place>[^/?#]*)(/(?P<database>[0-9]{0,6})/?)?(\?(?P<query>.*))?", re.IGNORECASE
)
_PLACE = re.compile(r"(?P<host>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{0,5}))?")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_VALUES = {
    "ssl_ca_certs": "",
    "ssl_ca_path": "",
    "ssl_certfile": "",
    "ssl_keyfile": "",
    "ssl_password": "",
    "ssl_cert_reqs": "none|optional|required",
    "ssl_check_hostname": "true|false|yes|no|1|0",
}
"""The options of TLS, each with the values that it takes; an empty text stands for any value."""
_ANYWHERE = ("username", "password", "db", "client_name")
MOST_PORT = 65_535


class _Found(NamedTuple):
    scheme: str
    user: str
    password: str
    host: str
    port: int
    database: int
    options: dict[str, str]


def checked_url(url: str) -> str:
    """The URL in the one form that all who read it understand alike.

    Raises:
        InvalidRequest: it is none of Redis. The message does not quote it, because it may have a password in an odd
            place.
    """
    if not isinstance(url, str):
        raise _wrong(f"must be a text, not {type(url).__name__}")
    return _written(_read(url))


def address(url: str) -> str:
    """The URL without its password, fit for a message."""
    found = _read(url)
    return f"{found.host}:{found.port}/{found.database}"


def broker_url(url: str) -> str:
    """The URL for Celery, which does not know the option `client_name`."""
    found = _read(url)
    return _written(found._replace(options={k: v for k, v in found.options.items() if k != "client_name"}))


def _read(url: str) -> _Found:
    _require_plain(url)
    parts = _PARTS.fullmatch(url)
    if parts is None:
        raise _wrong(USABLE_URL)
    account, _, place = parts["place"].rpartition("@")
    user, _, password = account.partition(":")
    options = _options(parts["query"] or "", parts["scheme"].lower())
    host, port = _place(place, given=bool(parts["place"]))
    return _Found(
        scheme=parts["scheme"].lower(),
        user=_one(_decoded(user), options.pop("username", ""), "user name"),
        password=_one(_decoded(password), options.pop("password", ""), "password"),
        host=host,
        port=port,
        database=int(_one((parts["database"] or "").lstrip("0"), options.pop("db", ""), "database") or 0),
        options=options,
    )


def _require_plain(url: str) -> None:
    """Refuse the characters at which the readers of a URL differ."""
    if "#" in url:
        raise _wrong("a `#` would end it there: write %23 in a password")
    if "\\" in url or any(character.isspace() or not character.isprintable() for character in url):
        raise _wrong("it has a blank, a backslash or a control character: percent-encode it (a blank is %20)")
    if _ESCAPE.search(url):
        raise _wrong("it has a `%` that begins no percent-encoded byte: write %25")


def _place(place: str, *, given: bool) -> tuple[str, int]:
    if not given:  # redis:// and redis:///0, as redis-py documents them
        return "localhost", 6379
    found = _PLACE.fullmatch(place)
    if found is None:
        raise _wrong(USABLE_URL)
    host, port = found["host"], int(found["port"] or 6379)
    if not 1 <= port <= MOST_PORT:
        raise _wrong(f"its port must be from 1 to {MOST_PORT}")
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise _wrong("what is in brackets must be an IPv6 address") from None
    return host, port


def _options(query: str, scheme: str) -> dict[str, str]:
    if "@" in query:  # behind a password with a raw `/` or `?` stands the server that was meant
        raise _wrong("it has an `@` behind its `?`: percent-encode the odd characters of a password (%40, %2F, %3F)")
    options: dict[str, str] = {}
    for option in filter(None, query.split("&")):
        name, _, value = option.partition("=")
        if name not in _VALUES and name not in _ANYWHERE:
            raise _wrong("it has an option that llamaq does not take; " + _known())
        if name in options or not value:
            raise _wrong(f"its option {name} must be given once, with a value")
        if name in _VALUES and scheme != "rediss":
            raise _wrong(f"its option {name} is one of TLS, which rediss:// has: begin the URL with that")
        options[name] = _decoded(value.replace("+", "%20"))
        _check_option(name, options[name])
    return options


def _check_option(name: str, value: str) -> None:
    if (values := _VALUES.get(name)) and value.lower() not in values.split("|"):
        raise _wrong(f"its option {name} must be one of {values.replace('|', ', ')}")
    if name == "db" and not re.fullmatch("[0-9]{1,6}", value):
        raise _wrong("its option db must be the number of a database")

    if name == "client_name" and not re.fullmatch("[!-~]{1,100}", value):
        raise _wrong("its option client_name must be printable ASCII without blanks, as CLIENT SETNAME wants it")


def _known() -> str:
    return f"it takes {', '.join(_ANYWHERE)}, and for rediss:// {', '.join(_VALUES)}"


def _one(first: str, second: str, what: str) -> str:
    if first and second:
        raise _wrong(f"it has two values for the {what}: leave one")
    return first or second


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise _wrong("a percent-encoded part of it is no UTF-8") from None


def _written(found: _Found) -> str:
    account = quote(found.user, safe="")
    if found.password:
        account += ":" + quote(found.password, safe="")
    query = "&".join(f"{name}={quote(value, safe='/')}" for name, value in found.options.items())
    place = f"{account}@{found.host}" if account else found.host
    return f"{found.scheme}://{place}:{found.port}/{found.database}" + (f"?{query}" if query else "")


def _wrong(message: str) -> InvalidRequest:
    return InvalidRequest.of("url", message)
