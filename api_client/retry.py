"""Decides which failures are retried at once, within one call.

    retried:      the connection was refused, reset or cut before the headers; the name did not resolve; 502, 503;
                  429 with a Retry-After; none of these where the Retry-After is longer than a second
    not retried:  a read timeout, ours or a proxy's (504), as a new request would restart a load; a connect timeout, as
                  the kernel has resent its packets all that time; a certificate, an answer that is not HTTP,
                  a redirect, any 500 or 501

The caller decides on another attempt later, possibly on another host.
"""

import email.utils
import ssl
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from urllib3 import BaseHTTPResponse
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import (
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    ResponseError,
    SSLError,
)
from urllib3.util.retry import Retry
from urllib3.util.util import reraise

from api_client.call import current_call
from api_client.clock import Clock, SystemClock

RETRIED_STATUSES = frozenset({502, 503})
LONGEST_PAUSE_SECONDS = 5.0
# A longer `Retry-After` is for the caller: a job should wait in the queue, not in a slot.
LONGEST_RETRY_AFTER_SECONDS = 1.0
# What a header asks for is bounded to a day, so that each number that it becomes can be stored.
LONGEST_WISH_SECONDS = 86_400.0
# The body of an answer after which the request is sent again.
REST_SECONDS = 0.25
REST_PIECES = 16
REST_PIECE_BYTES = 64 * 1024


class RetryPolicy(Retry):
    """urllib3's Retry with this module's choice of failures, and with pauses that end when the call is aborted."""

    RETRY_AFTER_STATUS_CODES = frozenset({429, 503})
    clock: Clock = SystemClock()

    @classmethod
    def of(cls, retries: int, backoff_seconds: float, clock: Clock) -> Self:
        """Make a policy of `retries` retries. The first pause is about `backoff_seconds`, and each next one doubles."""
        policy = cls(
            total=retries,
            allowed_methods=None,  # POST too: a generation changes nothing on the server
            status_forcelist=RETRIED_STATUSES,
            backoff_factor=backoff_seconds,
            backoff_max=LONGEST_PAUSE_SECONDS,
            raise_on_status=False,  # return the last answer, which says more than MaxRetryError
            respect_retry_after_header=True,
        )
        policy.clock = clock
        return policy

    def new(self, **kw: Any) -> Self:
        """Make the policy for the rest of the call."""
        policy = super().new(**kw)
        policy.clock = self.clock
        return policy

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Count a failure, or raise it where a retry cannot help."""
        if error is not None and not can_help(error):
            raise reraise(type(error), error, _stacktrace)
        if response is not None and (self.get_retry_after(response) or 0) > LONGEST_RETRY_AFTER_SECONDS:
            raise MaxRetryError(_pool, url, ResponseError("a long Retry-After"))  # type: ignore[arg-type] # not shown
        policy = super().increment(method, url, response, error, _pool, _stacktrace)
        if response is not None:
            _discard(response)
        return policy

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        """Pause before the next attempt.

        Raises:
            Aborted: The call was aborted meanwhile.
        """
        wanted = self.get_retry_after(response) if response is not None else None
        seconds = self.get_backoff_time() if wanted is None else wanted
        current_call.get().pause(seconds)

    def get_backoff_time(self) -> float:
        """Get the pause in seconds. It doubles, and jitter of 50 % spreads the retries of many workers."""
        doubled = self.backoff_factor * 2 ** max(len(self.history) - 1, 0)
        return float(min(doubled * (0.5 + self.clock.random()), self.backoff_max))

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Get the seconds of the Retry-After header; None where there is none, or it cannot be read."""
        return parse_retry_after(response.headers, self.clock)


def _discard(response: BaseHTTPResponse) -> None:
    """Read the rest of an answer, so that its connection serves the next try; close it where too much is left.

    urllib3 would read on for as long as the host sends, and wait for its next bytes as for a first token.
    """
    current_call.get().set_silence(REST_SECONDS)
    with suppress(HTTPError, OSError):
        for _ in range(REST_PIECES):
            if not response.read1(REST_PIECE_BYTES, decode_content=False):
                break
    response.close()


def can_help(error: Exception) -> bool:
    """Whether sending the same request again at once may succeed after this failure of urllib3."""
    if isinstance(error, NewConnectionError):
        return True
    if isinstance(error, SSLError):  # the server went away in the middle of the handshake
        return bool(error.args) and isinstance(error.args[0], ssl.SSLEOFError | ssl.SSLZeroReturnError)
    cause = error.args[1] if isinstance(error, ProtocolError) and len(error.args) > 1 else None
    return isinstance(cause, ConnectionError)


def parse_retry_after(headers: Mapping[str, str], clock: Clock) -> float | None:
    """Read Retry-After: seconds, or a date by the clock of the server, which `Date` tells. None for anything else."""
    header = headers.get("Retry-After")
    if header is None:
        return None
    if header.strip().isdecimal():
        return min(float(header), LONGEST_WISH_SECONDS)
    until, now = _parse_date(header), _parse_date(headers.get("Date"))
    if until is None:
        return None
    return min(max(0.0, until - (clock.time() if now is None else now)), LONGEST_WISH_SECONDS)


def _parse_date(header: str | None) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(header or "").timestamp()
    except Exception:  # noqa: BLE001 - a header that cannot be read is none; urllib3 would fail the job with it
        return None
