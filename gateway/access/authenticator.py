"""Authenticates requests by their keys, and limits their rate. Answers to wrong keys are delayed, others are not."""

import asyncio

from starlette.requests import Request

from gateway.access import rate_limit
from gateway.access.caller import LOCAL, Caller
from gateway.access.keys_file import KeysFile
from gateway.http.errors import GatewayError
from llamaq.client.aio.connection import AsyncConnection

SLOW_SECONDS = 1.0
"""The delay of the answer to a wrong key."""
MOST_SLOW = 1000
"""The most answers to wrong keys that are delayed at a time. Further wrong keys get 429 at once."""


class Authenticator:
    """Authentication and rate limits of requests."""

    def __init__(self, keys: KeysFile | None, connection: AsyncConnection) -> None:
        """Make it; without keys everybody is the local caller."""
        self._keys = keys
        self._connection = connection
        self._slow = 0

    async def authenticate(self, request: Request) -> Caller | None:
        """Authenticate a request: returns the holder of its key; None, after a pause, where it has no valid one.

        Raises:
            GatewayError: 429: too many requests of this key, or too many wrong keys.
            BrokerUnavailable: Redis, which counts the requests, did not answer.
        """
        if self._keys is None:
            return LOCAL
        caller = await self.find_holder(_bearer_key(request))
        if caller is None:
            return None
        if caller.requests_a_minute is not None:
            wait = await rate_limit.count_request(self._connection, caller.name, caller.requests_a_minute)
            if wait is not None:
                most = f"your key has {caller.requests_a_minute} requests a minute"
                raise GatewayError(429, "rate_limit_exceeded", f"{most}; try again in {wait:.0f} s", retry_after=wait)
        return caller

    async def find_holder(self, key: str) -> Caller | None:
        """Find the holder of a key, whose requests are not counted here; None, after a pause, for a wrong one.

        Raises:
            GatewayError: 429: too many wrong keys.
        """
        if self._keys is None:
            return LOCAL
        caller = self._keys.find_holder(key) if key else None
        if caller is None and key:
            await self._slow_down()
        return caller

    async def _slow_down(self) -> None:
        if self._slow >= MOST_SLOW:
            raise GatewayError(
                429, "too_many_wrong_keys", "too many wrong keys; try again later", retry_after=SLOW_SECONDS
            )
        self._slow += 1
        try:
            await asyncio.sleep(SLOW_SECONDS)
        finally:
            self._slow -= 1


def _bearer_key(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
