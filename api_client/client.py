"""The client of one Ollama host, which threads may share."""

import base64
import json
import threading
import weakref
from collections.abc import Mapping
from typing import Any, Self, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from api_client.answer import Answer
from api_client.body.body_reader import BodyReader
from api_client.clock import Clock, SystemClock
from api_client.errors import Aborted, BadRequest, FirstByteTimeout
from api_client.exchange import Exchange, Limits, Route
from api_client.retry import RetryPolicy
from api_client.shapes import lines
from api_client.shapes.metadata import LISTED, MODEL_CARD, VERSION, InstalledModel, Listing, ModelCard, RunningModel
from api_client.shapes.reading import Shape
from api_client.stream import Stream
from api_client.transport import Prepared, new_session

# The defaults of a call. Those of a job whose `stall_after` is not set are the same.
FIRST_BYTE_TIMEOUT_SECONDS = 600.0
STALL_TIMEOUT_SECONDS = 60.0
# Ollama answers requests that need no model at once.
METADATA_TIMEOUT_SECONDS = 10.0

AnyExchange = TypeVar("AnyExchange", bound=Exchange)
T = TypeVar("T")


class OllamaClient:
    """A client of one Ollama host, with kept-alive connections. Threads may share it.

    Calls that run a model return a `Stream` or an `Answer` that is not sent yet, so that another thread can abort it at
    any time. The client ignores the environment's proxy settings, and follows no redirects.
    """

    def __init__(
        self,
        url: str,
        *,
        slots: int = 1,
        token: str | None = None,
        ca_file: str | None = None,
        connect_timeout_seconds: float = 5.0,
        retries: int = 2,
        backoff_seconds: float = 0.2,
        clock: Clock | None = None,
    ) -> None:
        """Open no connection yet.

        Args:
            url: `http://` or `https://`, with a path where a proxy serves Ollama below one.
            slots: Requests at a time. More are possible, but their connections are not kept.
            token: Bearer token for a proxy. Never part of a message.
            ca_file: PEM file of the authorities that sign the host's certificate.
            connect_timeout_seconds: Limit for the connection, for the TLS handshake, and for each write of the request.
            retries: Further attempts within one call, where `api_client.retry` allows them.
            backoff_seconds: Pause before the first of them; doubles.
            clock: Gives the time and the jitter.

        Raises:
            ValueError: The URL or the token is malformed.
        """
        parts = _parse_url(url)
        token = _check_token(token)
        basic = _encode_credentials(parts)
        if basic and token:
            raise ValueError("give either a token or a user name in the URL, not both")
        clock = clock or SystemClock()
        self._connect_timeout = connect_timeout_seconds
        policy = RetryPolicy.of(retries, backoff_seconds, clock)
        authorization = f"Bearer {token}" if token else f"Basic {basic}" if basic else None
        self._session = new_session(slots, policy, authorization=authorization, ca_file=ca_file)
        word = parts.password or parts.username  # without a password the name may be a token
        secrets = {token, basic, word, unquote(word or "")}
        longest_first = tuple(sorted(filter(None, secrets), key=len, reverse=True))
        self._route = Route(self._session, _strip_user(parts), longest_first, clock)
        self._prepared_paths: dict[tuple[str, str], Prepared] = {}
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[Exchange] = weakref.WeakSet()
        self._closed = False

    @property
    def address(self) -> str:
        """The URL without user name and password, for messages."""
        return self._route.address

    def read_with(self, reader: BodyReader) -> None:
        """Let `reader` read the answers of `Stream.each`, all in one thread."""
        self._route = self._route._replace(reader=reader)

    def generate(
        self,
        payload: Mapping[str, Any],
        *,
        first_byte_timeout_seconds: float | None = FIRST_BYTE_TIMEOUT_SECONDS,
        stall_timeout_seconds: float | None = STALL_TIMEOUT_SECONDS,
    ) -> Stream:
        """Call /api/generate. It is not sent before the answer is iterated.

        Args:
            payload: The body as it is sent. With `"stream": false` the answer is one chunk.
            first_byte_timeout_seconds: Limit for queue, load and prompt; None waits for ever.
            stall_timeout_seconds: Limit for silence between chunks; None waits for ever.

        Raises:
            BadRequest: The payload cannot be written as JSON.
        """
        return self.stream("/api/generate", payload, lines.GENERATE, first_byte_timeout_seconds, stall_timeout_seconds)

    def chat(
        self,
        payload: Mapping[str, Any],
        *,
        first_byte_timeout_seconds: float | None = FIRST_BYTE_TIMEOUT_SECONDS,
        stall_timeout_seconds: float | None = STALL_TIMEOUT_SECONDS,
    ) -> Stream:
        """Call /api/chat, otherwise as `generate`."""
        return self.stream("/api/chat", payload, lines.CHAT, first_byte_timeout_seconds, stall_timeout_seconds)

    def pull(self, model: str, *, stall_timeout_seconds: float | None = STALL_TIMEOUT_SECONDS) -> Stream:
        """Call /api/pull: chunks with `status`, and `total` and `completed` (bytes) while a layer is loading."""
        return self.stream("/api/pull", {"model": model}, lines.PULL, stall_timeout_seconds, stall_timeout_seconds)

    def stream(
        self,
        path: str,
        payload: Mapping[str, Any],
        described: lines.Lines,
        first_byte_timeout_seconds: float | None = FIRST_BYTE_TIMEOUT_SECONDS,
        stall_timeout_seconds: float | None = STALL_TIMEOUT_SECONDS,
    ) -> Stream:
        """Call any path that answers in lines; `described` tells what they hold."""
        limits = Limits(self._connect_timeout, first_byte_timeout_seconds, stall_timeout_seconds)
        return self._register(Stream(self._route, self._prepare("POST", path, payload), limits, described))

    def embed(
        self,
        payload: Mapping[str, Any],
        *,
        first_byte_timeout_seconds: float | None = FIRST_BYTE_TIMEOUT_SECONDS,
        stall_timeout_seconds: float | None = STALL_TIMEOUT_SECONDS,
    ) -> Answer[Any]:
        """Call /api/embed. It is not sent before `result()`, which has `embeddings`: one list of numbers per input.

        Raises:
            BadRequest: The payload cannot be written as JSON.
        """
        limits = Limits(self._connect_timeout, first_byte_timeout_seconds, stall_timeout_seconds)
        return self._register(Answer(self._route, self._prepare("POST", "/api/embed", payload), limits, lines.VECTORS))

    def tags(self, *, timeout_seconds: float = METADATA_TIMEOUT_SECONDS) -> Listing[InstalledModel]:
        """List the models on disk, newest first (/api/tags).

        Raises:
            OllamaError: There is no answer, or it has an unknown shape.
        """
        return Listing.of(InstalledModel, self._request(LISTED, "GET", "/api/tags", None, timeout_seconds).models)

    def ps(self, *, timeout_seconds: float = METADATA_TIMEOUT_SECONDS) -> Listing[RunningModel]:
        """List the models in memory (/api/ps); raises as `tags`."""
        return Listing.of(RunningModel, self._request(LISTED, "GET", "/api/ps", None, timeout_seconds).models)

    def show(self, model: str, *, timeout_seconds: float = METADATA_TIMEOUT_SECONDS) -> ModelCard:
        """Show one model in detail (/api/show); raises as `tags`, and ModelNotFound."""
        return self._request(MODEL_CARD, "POST", "/api/show", {"model": model}, timeout_seconds)

    def version(self, *, timeout_seconds: float = METADATA_TIMEOUT_SECONDS) -> str:
        """Read the version (/api/version), such as "0.32.15"; raises as `tags`."""
        return self._request(VERSION, "GET", "/api/version", None, timeout_seconds).version

    def close(self) -> None:
        """Abort the running requests and close all connections. Later requests raise `Aborted`."""
        with self._lock:
            self._closed = True
            running = list(self._open)
        for exchange in running:
            exchange.abort()
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"OllamaClient({self.address!r})"

    def _request(
        self, shape: Shape[T], method: str, path: str, payload: Mapping[str, Any] | None, timeout_seconds: float
    ) -> T:
        limits = Limits(self._connect_timeout, timeout_seconds, timeout_seconds)
        with self._register(Answer(self._route, self._prepare(method, path, payload), limits, shape)) as answer:
            # Over all: a host that sends each byte in time could keep its probe waiting without end.
            limit = threading.Timer(timeout_seconds, answer.abort)
            limit.daemon = True
            limit.start()
            try:
                return answer.result()
            except Aborted as error:
                if self._closed:
                    raise
                silent = FirstByteTimeout(f"{answer.source} did not answer within {timeout_seconds:g} s")
                silent.address = self.address
                raise silent from error
            finally:
                limit.cancel()

    def _prepare(self, method: str, path: str, payload: Mapping[str, Any] | None) -> Prepared:
        known = self._prepared_paths.get((method, path))
        if known is None:
            known = self._prepared_paths[method, path] = self._session.prepare(method, self.address + path)
        # Not prepared anew: requests takes longer for that than to send it, and only the body differs.
        return known if payload is None else known._replace(body=_encode(payload))

    def _register(self, exchange: AnyExchange) -> AnyExchange:
        with self._lock:
            self._open.add(exchange)
            closed = self._closed
        if closed:
            exchange.abort()
        return exchange


_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def _encode(payload: Mapping[str, Any]) -> bytes:
    try:
        return _JSON.encode(payload).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRequest(f"the request cannot be written as JSON: {error}") from error


def _parse_url(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("the URL of Ollama must look like http://host:port")
    if parts.query or parts.fragment:
        raise ValueError("the URL of Ollama must not have a query or a fragment")
    return parts


def _strip_user(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def _encode_credentials(parts: SplitResult) -> str:
    """Encode the user name and password of the URL as HTTP sends them; empty where it has none."""
    if not (parts.username or parts.password):
        return ""
    return base64.b64encode(f"{unquote(parts.username or '')}:{unquote(parts.password or '')}".encode()).decode()


def _check_token(token: str | None) -> str | None:
    token = (token or "").strip()  # a token read from a file ends in a newline
    if not token.isascii() or not token.isprintable():
        raise ValueError("the token holds characters that a header cannot carry")  # the message must not quote it
    return token or None
