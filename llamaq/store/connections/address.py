"""The address of Redis: what is taken, and in the one form that redis-py, kombu and a message read alike.

redis-py takes almost any text. It ends a password at a `#` and connects to localhost, takes the host out of the query,
and ignores a database that is no number. So the address is read here, by a grammar that leaves no second reading.
"""

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import quote, unquote

from llamaq.vocabulary.errors import InvalidRequest

USABLE_URL = (
    "must look like redis://[user:password@]host:port/0, rediss:// for TLS, unix://[user:password@]/path/to.sock?db=0, "
    "or redis+sentinel://[user:password@]a:26379,b:26379/MASTER/0; percent-encode odd characters"
)
_PARTS = re.compile(
    r"(?P<scheme>(redis|valkey)s?(\+sentinel)?|unix)://(?P<place>[^/?#]*)(?P<path>/[^?#]*)?(\?(?P<query>.*))?",
    re.IGNORECASE,
)
# A name with an empty or too long part can be looked up by nobody, and Python says so in an error of its own.
_NO_NAME = r"(?!\.|.*\.\.|.*[A-Za-z0-9_-]{64})"
_PLACE = re.compile(rf"(?P<host>{_NO_NAME}[A-Za-z0-9._-]{{1,253}}|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{{0,5}}))?")
_DATABASE = re.compile(r"/?(?P<database>[0-9]{0,6})/?")
_MASTER = re.compile(r"/(?P<master>[A-Za-z0-9._-]{1,200})(/(?P<database>[0-9]{0,6})/?)?")
_QUOTED = re.compile(r"""\A(["'])\s*(?P<url>.*?)\s*\1\Z""", re.DOTALL)
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_TLS_VALUES = {
    "ssl_ca_certs": "",
    "ssl_ca_path": "",
    "ssl_certfile": "",
    "ssl_keyfile": "",
    "ssl_password": "",
    "ssl_cert_reqs": "none|optional|required",
    "ssl_check_hostname": "true|false|yes|no|1|0",
}
"""The options of TLS, each with the values that it takes; an empty text stands for any value."""
_SENTINEL = ("sentinel_username", "sentinel_password")
_ANYWHERE = ("username", "password", "db", "client_name")
MOST_PORT = 65_535
MOST_PATH = 107
"""Bytes in the path of a Unix socket (`sun_path`)."""
_PORT, _SENTINEL_PORT = 6379, 26379


class Address(NamedTuple):
    """The parts of a URL.

    Attributes:
        scheme: `redis`, `rediss`, `unix`, `redis+sentinel` or `rediss+sentinel`; `valkey` is `redis`.
        user: empty for Redis' default user.
        password: of that user; empty for none.
        servers: host and port of Redis, or of each Sentinel; none for a Unix socket.
        path: of a Unix socket; else empty.
        master: the name under which the Sentinels know the master; else empty.
        database: its number.
        options: of the query: those of TLS, `client_name`, and the account of the Sentinels.
    """

    scheme: str
    user: str
    password: str
    servers: tuple[tuple[str, int], ...]
    path: str
    master: str
    database: int
    options: dict[str, str]

    @property
    def tls(self) -> bool:
        """Whether each connection is one of TLS, to Sentinels too."""
        return self.scheme.startswith("rediss")

    def url(self) -> str:
        """The URL in the one form that all who read it understand alike."""
        account = quote(self.user, safe="")
        if self.password:
            account += ":" + quote(self.password, safe="")
        place = ",".join(f"{host}:{port}" for host, port in self.servers)
        path, options = f"/{self.database}", self.options
        if self.path:
            path, options = quote(self.path, safe="/"), {"db": str(self.database), **options}
        elif self.master:
            path = f"/{self.master}/{self.database}"
        query = "&".join(f"{name}={quote(value, safe='/')}" for name, value in options.items())
        return f"{self.scheme}://{f'{account}@' if account else ''}{place}{path}" + (f"?{query}" if query else "")

    def server_url(self) -> str:
        """The URL of one server with the same account, database and options of TLS, as redis-py takes it.

        With Sentinels the server is a placeholder, because they tell which it is.
        """
        options = {name: value for name, value in self.options.items() if name not in _SENTINEL}
        if self.master:
            scheme = "rediss" if self.tls else "redis"
            return self._replace(scheme=scheme, servers=self.servers[:1], master="", options=options).url()
        return self.url()


def normalise_url(url: str) -> str:
    """Normalise the URL to the one form that all who read it understand alike.

    Raises:
        InvalidRequest: it is none of Redis. The message does not quote it, because it may have a password in an odd
            place.
    """
    return parse_url(url).url()


def describe_url(url: str) -> str:
    """Describe where the URL leads, without its password, for a message."""
    found = parse_url(url)
    if found.path:
        return f"{found.path} (database {found.database})"
    servers = ",".join(f"{host}:{port}" for host, port in found.servers)
    if found.master:
        return f"the master {found.master} of the Sentinels {servers} (database {found.database})"
    return f"{servers}/{found.database}"


def parse_url(url: str) -> Address:
    """Parse the URL. Blanks and quotes around it, as files of variables leave them, are dropped.

    Raises:
        InvalidRequest: as `normalise_url`.
    """
    if not isinstance(url, str):
        raise _url_error(f"must be a text, not {type(url).__name__}")
    url = _QUOTED.sub(r"\g<url>", url.strip())
    _require_plain(url)
    parts = _PARTS.fullmatch(url)
    if parts is None:
        raise _url_error(USABLE_URL)
    scheme = parts["scheme"].lower().replace("valkey", "redis")
    account, _, place = parts["place"].rpartition("@")
    user, _, password = account.partition(":")
    options = _parse_options(parts["query"] or "", scheme)
    servers, path, master, database = _parse_server(scheme, place, parts["path"] or "", given=bool(parts["place"]))
    return Address(
        scheme=scheme,
        user=_pick_one(_decode(user), options.pop("username", ""), "user name"),
        password=_pick_one(_decode(password), options.pop("password", ""), "password"),
        servers=servers,
        path=path,
        master=master,
        database=int(_pick_one(database.lstrip("0"), options.pop("db", ""), "database") or 0),
        options=options,
    )


def _parse_server(
    scheme: str, place: str, path: str, *, given: bool
) -> tuple[tuple[tuple[str, int], ...], str, str, str]:
    """Parse the servers, the path of the socket, the name of the master, and the database."""
    if scheme == "unix":
        return (), _parse_socket(place, path), "", ""
    if scheme.endswith("sentinel"):
        found = _MASTER.fullmatch(path)
        if found is None:
            raise _url_error(
                "behind the Sentinels must stand the name of the master: redis+sentinel://a:26379,b:26379/mymaster/0; "
                "percent-encode the odd characters of a password"
            )
        return (
            tuple(_parse_place(one, _SENTINEL_PORT) for one in place.split(",")),
            "",
            found["master"],
            found["database"] or "",
        )
    number = _DATABASE.fullmatch(path)
    if number is None:
        raise _url_error(USABLE_URL)
    if not given:  # redis:// and redis:///0, as redis-py documents them
        return (("localhost", _PORT),), "", "", number["database"]
    if "," in place:
        raise _url_error("it has several servers: for Sentinels, write redis+sentinel://a:26379,b:26379/MASTER/0")
    return (_parse_place(place, _PORT),), "", "", number["database"]


def _parse_socket(place: str, path: str) -> str:
    path = _decode(path)
    if place or not path.strip("/") or "\0" in path:
        raise _url_error("the path of a Unix socket is absolute, with three slashes: unix:///run/redis/redis.sock?db=0")
    if len(path.encode(errors="replace")) > MOST_PATH:
        raise _url_error(
            f"the path of a Unix socket has at most {MOST_PATH} bytes: make a link to it with a shorter path"
        )
    return path


def _require_plain(url: str) -> None:
    """Refuse the characters at which the readers of a URL differ."""
    if "#" in url:
        raise _url_error("a `#` would end it there: write %23 in a password")
    if "\\" in url or any(character.isspace() or not character.isprintable() for character in url):
        raise _url_error("it has a blank, a backslash or a control character: percent-encode it (a blank is %20)")
    if _ESCAPE.search(url):
        raise _url_error("it has a `%` that begins no percent-encoded byte: write %25")


def _parse_place(place: str, default: int) -> tuple[str, int]:
    found = _PLACE.fullmatch(place)
    if found is None:
        raise _url_error(USABLE_URL)
    host, port = found["host"], int(found["port"] or default)
    if not 1 <= port <= MOST_PORT:
        raise _url_error(f"its port must be from 1 to {MOST_PORT}")
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise _url_error("what is in brackets must be an IPv6 address") from None
    return host, port


def _parse_options(query: str, scheme: str) -> dict[str, str]:
    if "@" in query:  # behind a password with a raw `/` or `?` stands the server that was meant
        raise _url_error(
            "it has an `@` behind its `?`: percent-encode the odd characters of a password (%40, %2F, %3F)"
        )
    options: dict[str, str] = {}
    for option in filter(None, query.split("&")):
        name, _, value = option.partition("=")
        if name not in (*_TLS_VALUES, *_SENTINEL, *_ANYWHERE):
            raise _url_error("it has an option that llamaq does not take; " + _list_options())
        if name in options or not value:
            raise _url_error(f"its option {name} must be given once, with a value")
        if name in _TLS_VALUES and not scheme.startswith("rediss"):
            raise _url_error(f"its option {name} is one of TLS, which rediss:// has: begin the URL with that")
        if name in _SENTINEL and not scheme.endswith("sentinel"):
            raise _url_error(f"its option {name} is one of redis+sentinel:// and rediss+sentinel://")
        options[name] = _check_option(name, _decode(value.replace("+", "%20")))
    return options


def _check_option(name: str, value: str) -> str:
    if values := _TLS_VALUES.get(name):
        value = value.lower().removeprefix("cert_")  # as Python's `ssl` and Celery call them
        if value not in values.split("|"):
            raise _url_error(f"its option {name} must be one of {values.replace('|', ', ')}")
    if name == "db" and not re.fullmatch("[0-9]{1,6}", value):
        raise _url_error("its option db must be the number of a database")
    if name == "client_name" and not re.fullmatch("[!-~]{1,100}", value):
        raise _url_error("its option client_name must be printable ASCII without blanks, as CLIENT SETNAME wants it")
    return value


def _list_options() -> str:
    return (
        f"it takes {', '.join(_ANYWHERE)}, for Sentinels {', '.join(_SENTINEL)}, and for TLS (rediss://) "
        f"{', '.join(_TLS_VALUES)}"
    )


def _pick_one(first: str, second: str, what: str) -> str:
    if first and second:
        raise _url_error(f"it has two values for the {what}: leave one")
    return first or second


def _decode(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise _url_error("a percent-encoded part of it is no UTF-8") from None


def _url_error(message: str) -> InvalidRequest:
    return InvalidRequest.of("url", message)
