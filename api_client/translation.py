"""Translates the errors of urllib3 and sockets into `OllamaError`."""

import errno
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import BadStatusLine, HTTPException, RemoteDisconnected
from typing import Protocol

from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from api_client.call import Call
from api_client.errors import (
    Aborted,
    ConnectionLost,
    ConnectTimeout,
    FirstByteTimeout,
    HostUnreachable,
    OllamaError,
    OllamaTimeout,
    StallTimeout,
    StreamCut,
    StreamError,
    UntrustedCertificate,
    WrongProtocol,
)
from api_client.retry import can_help

OF_THE_NETWORK = (HTTPError, HTTPException, OSError)
_log = logging.getLogger(__name__)


class TranslatedExchange(Protocol):
    """The part of a request that the translation needs."""

    call: Call
    address: str

    @property
    def answered(self) -> bool:
        """Whether the headers of the answer have come."""

    @property
    def silence_seconds(self) -> float | None:
        """The limit for silence that is in force."""

    def scrub(self, error: OllamaError) -> None:
        """Take the secrets out of an error."""


@contextmanager
def translate_errors(exchange: TranslatedExchange) -> Iterator[None]:
    """Translate the failures of its block into typed errors. A body has to be iterated inside it too.

    Raises:
        Aborted: The call was aborted; the error of the connection is its cause.
        OllamaError: Any other failure.
    """
    try:
        yield
    except Exception as error:
        # Whatever a library raises over the bytes of a host is a failure of that host: a list of types would have gaps.
        if exchange.call.aborted and not isinstance(error, Aborted):
            raise Aborted("the call was aborted") from error
        if isinstance(error, OllamaError):
            error.address = exchange.address
            exchange.scrub(error)
            raise
        if not isinstance(error, OF_THE_NETWORK):
            _log.warning("an answer of %s could not be read", exchange.address, exc_info=error)
        found = translate_error(error, exchange)
        found.address = exchange.address
        exchange.scrub(found)
        raise found from error


def translate_error(error: Exception, exchange: TranslatedExchange) -> OllamaError:
    """Translate a failure into a typed error, most specific first."""
    inner, where = _unwrap(error), exchange.address
    if isinstance(inner, ReadTimeoutError) and not _is_given_up(inner):
        return _silence_error(exchange)
    return _body_error(inner, where) if exchange.answered else _connection_error(inner, where)


def _is_given_up(error: ReadTimeoutError) -> bool:
    """Whether the kernel has given the connection up. Python and urllib3 raise the same for that as for a limit."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ETIMEDOUT


def _silence_error(exchange: TranslatedExchange) -> OllamaTimeout:
    kind, which = (StallTimeout, "stall") if exchange.answered else (FirstByteTimeout, "first byte")
    error = kind(f"Ollama at {exchange.address} fell silent ({which} timeout)")
    error.seconds = exchange.silence_seconds
    return error


def _connection_error(inner: Exception, where: str) -> OllamaError:
    if _is_certificate(inner):
        return UntrustedCertificate(f"the certificate of {where} is not trusted: {_describe(inner)}; set the CA file")
    if isinstance(inner, ReadTimeoutError):
        return ConnectionLost(f"Ollama at {where} is gone: the connection was given up")
    if _is_connect_timeout(inner):
        return ConnectTimeout(f"no connection to Ollama at {where} within the connect timeout")
    message = f"cannot reach Ollama at {where}: {_describe(inner)}"
    if isinstance(inner, NewConnectionError):
        return HostUnreachable(message)
    return ConnectionLost(message) if can_help(inner) else WrongProtocol(message)


def _unwrap(error: Exception) -> Exception:
    """Unwrap the error of the last try from a MaxRetryError."""
    if isinstance(error, MaxRetryError) and error.reason is not None:
        error = error.reason
    return error


def _body_error(error: Exception, where: str) -> OllamaError:
    if isinstance(error, DecodeError):
        return StreamError(f"the body from {where} cannot be decompressed")
    if not isinstance(error, OF_THE_NETWORK):
        return StreamError(f"the answer from {where} cannot be read: {type(error).__name__}: {_describe(error)}")
    return StreamCut(f"the connection to Ollama at {where} broke in the middle of the answer: {_describe(error)}")


def _is_certificate(error: Exception) -> bool:
    return isinstance(error, SSLError) and bool(error.args) and isinstance(error.args[0], ssl.SSLCertVerificationError)


def _is_connect_timeout(error: Exception) -> bool:
    if isinstance(error, NewConnectionError):
        return False  # urllib3 derives it from ConnectTimeoutError for historical reasons
    # TimeoutError: the server accepted the connection, and then did not read the body.
    return isinstance(error, ConnectTimeoutError) or isinstance(_cause(error), TimeoutError)


def _cause(error: Exception) -> object:
    return error.args[-1] if error.args else None


def _describe(error: Exception) -> str:
    """Describe the innermost error, without the names and addresses of urllib3's objects."""
    if isinstance(error, NameResolutionError):
        return "the host name does not resolve"
    if isinstance(_cause(error), BadStatusLine) and not isinstance(_cause(error), RemoteDisconnected):
        return "what answers there does not speak HTTP"
    source = error.__cause__ if isinstance(error, NewConnectionError) else _cause(error)
    if isinstance(source, OSError) and source.strerror:
        return source.strerror
    return str(source or error)
