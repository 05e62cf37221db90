"""What an error of Redis means: whether it refuses the call, and how a producer gets it, with its remedy."""

import errno
import os
import re
import socket
from collections.abc import Callable, Sequence
from typing import NamedTuple

import redis
from redis.exceptions import MaxConnectionsError, MovedError, NoPermissionError, RedisError, ResponseError

from llamaq.store.answers import UNREADABLE
from llamaq.store.connections.address import describe_url, parse_url
from llamaq.store.connections.retries import is_read_only
from llamaq.store.connections.sentinel_answers import NoSentinel, WrongSentinels
from llamaq.store.connections.tls_handshake import PLAIN
from llamaq.vocabulary.errors import BrokerUnavailable

Remedy = tuple[Callable[[Exception, str], bool], str]


def is_refusal(error: Exception) -> bool:
    """Whether Redis refused the call itself, so that it would fail each time; else the cause is a state that passes.

    States have a code of their own (OOM, READONLY, MISCONF, LOADING ...), also within the error of a script, where
    Redis 6.2 puts a dash before it.
    """
    code = re.search(r"(?:^|-)([A-Z]{3,})\b", str(error))
    return type(error) is ResponseError and (code is None or code[1] in {"ERR", "WRONGTYPE"})


def is_of_another_type(reply: object) -> bool:
    """Whether the key of a command is not of the type that the command needs."""
    return isinstance(reply, ResponseError) and "WRONGTYPE" in str(reply)


def is_denied(error: BaseException) -> bool:
    """Whether the user of Redis lacks the right, also within a script, whose error has no type of its own."""
    text = str(error)
    within_a_script = isinstance(error, ResponseError) and ("permission" in text or "can't run this command" in text)
    return within_a_script or isinstance(error, redis.AuthenticationError | NoPermissionError)


def lacks_command(error: BaseException) -> bool:
    """Whether the server has no such command, also within a script."""
    return isinstance(error, ResponseError) and _NO_COMMAND.search(str(error)) is not None


def refuses(error: BaseException) -> bool:
    """Whether Redis answers, and refuses the call or the user; also where a library has its error as a cause."""
    own = is_denied(error) or (isinstance(error, Exception) and is_refusal(error))
    return own or (error.__cause__ is not None and refuses(error.__cause__))


class SettingNames(NamedTuple):
    """What errors call the settings of a connection.

    Attributes:
        url: the URL of Redis.
        connections: how many connections a client may have.
        or_file: where a password may stand beside the URL.
    """

    url: str
    connections: str
    or_file: str = ""


OF_ENVIRONMENT = SettingNames("LLAMAQ_REDIS_URL", "LLAMAQ_MAX_CONNECTIONS", ", or LLAMAQ_REDIS_PASSWORD_FILE")
OF_ARGUMENTS = SettingNames("the argument `url`", "Settings.max_connections")


class _Translation:
    """A block whose errors become ones that a producer knows.

    This is a class because a context manager that is made of a generator takes longer, and each call has one.
    """

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        pass


class translate_errors(_Translation):  # noqa: N801 - it is used as a function, like `contextlib.suppress`
    """Turns the errors of redis-py in its block into one that names the remedy.

    Raises:
        BrokerUnavailable: Redis did not answer, or refused.
    """

    __slots__ = ("_names",)

    def __init__(self, url: str, names: SettingNames = OF_ENVIRONMENT) -> None:
        super().__init__(url)
        self._names = names

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        # A `TimeoutError` is the caller's own timeout: redis-py raises another class.
        if isinstance(error, RedisError | OSError) and not isinstance(error, TimeoutError):
            raise BrokerUnavailable(
                f"Redis at {describe_url(self._url)}: {_remedy(error, self._url, self._names)}"
            ) from error


def is_unreadable(error: BrokerUnavailable) -> bool:
    """Whether Redis answered, and something else has written over what it keeps."""
    return isinstance(error.__cause__, UNREADABLE)


class translate_parse_errors(_Translation):  # noqa: N801 - as above
    """Turns the errors of reading a text or a number that Redis keeps into one that a producer knows.

    Raises:
        BrokerUnavailable: it is none that llamaq has written.
    """

    __slots__ = ()

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, UNREADABLE):
            what = " ".join(str(error).split())[:200]
            text = f"what is kept there cannot be read, as something else has written over it ({what})"
            raise BrokerUnavailable(f"Redis at {describe_url(self._url)}: {text}") from error


def _remedy(error: Exception, url: str, names: SettingNames) -> str:
    text = _ARGUMENTS.sub("", str(error))
    remedies = (*_REMEDIES, *(_OF_TLS if parse_url(url).tls else _OF_PLAIN), (_is_lost, _NO_ANSWER))
    remedy = next((remedy for applies, remedy in remedies if applies(error, text)), None)
    return text if remedy is None else remedy.format(text or type(error).__name__, **names._asdict())


def _is_lost(error: Exception, _: str = "") -> bool:
    return isinstance(error, redis.ConnectionError | redis.TimeoutError | OSError)


_NO_ANSWER = "no answer ({}); is it running there? The address is {url}"
_NO_COMMAND = re.compile("unknown command|unknown redis command", re.IGNORECASE)
_ARGUMENTS = re.compile(", with args beginning with: .*", re.DOTALL)
"""The rest of an error about a command that the server does not have: it quotes what was sent."""
_CLUSTER = re.compile(r"cluster mode|slot not served|MOVED \d+|same slot|in a cluster node")
_CLOSED = re.compile("reset by peer|closed by server|EOF occurred|Broken pipe")
_OF_TLS: Sequence[Remedy] = (
    (lambda _, text: PLAIN in text, "{}, without TLS: begin {url} with redis://"),
    (
        lambda _, text: "is not valid for" in text or "Hostname mismatch" in text,
        "its certificate is for another name ({}): write a name that is in it",
    ),
    (
        lambda _, text: "CERTIFICATE_VERIFY_FAILED" in text,
        "its certificate is not signed by a known authority ({}): name that authority with ?ssl_ca_certs=FILE",
    ),
    (
        lambda _, text: "No such file" in text,
        "a file of the options ssl_... in {url} is missing ({})",
    ),
    (
        lambda _, text: "SSL" in text or "X509" in text or "certificate" in text,
        "no TLS connection ({}): look at the options ssl_... in {url}",
    ),
    (
        lambda error, text: _is_lost(error) and _CLOSED.search(text) is not None,
        "it closes the connection at the first command ({}), as a server does that wants a certificate of its clients: "
        "name that with ssl_certfile and ssl_keyfile in {url}",
    ),
)
_OF_PLAIN: Sequence[Remedy] = (
    (
        lambda error, text: _is_lost(error) and _CLOSED.search(text) is not None,
        "it closes the connection at the first command ({}), as a server with TLS does: then it is rediss://",
    ),
)
_REMEDIES: Sequence[Remedy] = (
    (
        lambda error, _: isinstance(error.__context__, socket.gaierror),
        "its name is not found ({}): is it misspelt in {url}, or is there no network?",
    ),
    (
        lambda error, _: isinstance(error, redis.InvalidResponse),
        "what answers there is no Redis ({}): look at host and port in {url}",
    ),
    (
        lambda error, text: isinstance(error, MovedError) or _CLUSTER.search(text) is not None,
        "it is a Redis Cluster ({}), which llamaq cannot use: take one server, or Sentinels (redis+sentinel://)",
    ),
    (
        lambda error, _: lacks_command(error),
        "it lacks a command that llamaq needs ({}): take it out of `rename-command` in redis.conf; 6.2 is the oldest "
        "Redis that has all",
    ),
    (
        lambda error, _: isinstance(error, WrongSentinels),
        "{}: look at Sentinels, master and sentinel_password in {url}",
    ),
    (
        lambda error, _: isinstance(error, NoSentinel),
        "{}; do the Sentinels run there? The address is {url}",
    ),
    (
        lambda _, text: "DB index is out of range" in text,
        "it has no such database ({}): take 0 in {url}, or raise its `databases`",
    ),
    (
        lambda _, text: "HELLO must be called" in text or "Authentication required" in text,
        "it wants a password, and {url} has none: redis://user:password@host{or_file}",
    ),
    (
        # Redis refuses a long command that comes before the password as an error of the protocol, without a class.
        lambda error, text: is_denied(error) or "unauthenticated" in text,
        "{}; look at the user and password in {url}, and at the ACL",
    ),
    (
        lambda error, _: isinstance(error, MaxConnectionsError),
        "this client has no connection left ({}): follow fewer jobs at a time, or raise {connections}",
    ),
    (
        lambda _, text: "max number of clients" in text,
        "it takes no more clients ({}): raise its maxclients, or close some",
    ),
    (
        lambda _, text: os.strerror(errno.EMFILE) in text,
        "this process can open no more files ({}): raise its limit (ulimit -n), or follow fewer jobs at a time",
    ),
    (
        lambda error, _: is_read_only(error),
        "it is a replica ({}): the address in {url} must lead to the master",
    ),
    (
        lambda error, _: is_of_another_type(error),
        "something else has written over a key of llamaq ({}), which is set aside as soon as llamaq writes to it",
    ),
    (
        lambda _, text: "OOM" in text or "used memory" in text,  # hiredis leaves the code OOM out
        "it is out of memory ({}); give it more, or let results expire sooner (LLAMAQ_RESULT_TTL)",
    ),
    (
        lambda _, text: "MISCONF" in text,
        "it cannot write to its disk, and takes no job until it can ({}): look for a full disk, and at its log",
    ),
    (
        lambda _, text: "user_script" in text,
        "a script of llamaq failed ({}): where something else has written over a key, the workers mend it within 10 s",
    ),
)
"""Which errors have which remedy; the first that applies is told."""
