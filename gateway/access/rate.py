"""Requests a minute of a key, counted in Redis for all processes of all gateways."""

from llamaq.client.aio.connection import AsyncConnection
from llamaq.store.connection import raised

MINUTE = 60_000


async def too_many(connection: AsyncConnection, name: str, most: int) -> float | None:
    """Count a request of a key. The seconds until the next one is taken, where this one is one too many.

    A minute begins with its first request, and refused requests do not lengthen it.

    Raises:
        BrokerUnavailable: Redis did not answer.
    """
    key = f"{connection.settings.keys.prefix}:gateway:rate:{name}"
    begin = [["SET", key, "0", "PX", str(MINUTE), "NX"], ["INCR", key], ["PTTL", key]]
    async with connection.verb() as redis:
        _, number, left = [str(raised(reply)) for reply in await redis.execute_all(begin)]
        if int(left) < 0:  # it expired between the first command and the second, which then made it without a time
            await redis.execute_all([["PEXPIRE", key, str(MINUTE)]])
            left = str(MINUTE)
    return max(int(left), 1) / 1000 if int(number) > most else None
