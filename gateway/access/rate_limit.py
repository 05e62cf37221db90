"""The rate limit: requests a minute of a key, counted in Redis for all processes of all gateways."""

from llamaq.client.aio.connection import AsyncConnection
from llamaq.store.redis_errors import is_refusal
from llamaq.store.script_drivers import unwrap

MINUTE = 60


async def count_request(connection: AsyncConnection, name: str, most: int) -> float | None:
    """Count a request of a key. Where it is over the limit: the seconds until the next minute; else None.

    A minute begins with its first request, and refused requests do not lengthen it.

    Raises:
        BrokerUnavailable: Redis did not answer.
    """
    key = f"{connection.settings.keys.prefix}:gateway:rate:{name}"
    begin = [["SET", key, "0", "EX", str(MINUTE), "NX"], ["INCR", key], ["TTL", key]]
    async with connection.verb() as redis:
        replies = await redis.execute_all(begin)
        if any(isinstance(reply, Exception) and is_refusal(reply) for reply in replies):  # something else wrote over it
            replies = (await redis.execute_all([["DEL", key], *begin]))[1:]
        _, number, left = [str(unwrap(reply)) for reply in replies]
        # It expired between SET and INCR, and INCR made it without an expiry; or Redis' clock was set back.
        if not 0 <= int(left) <= MINUTE:
            await redis.execute_all([["EXPIRE", key, str(MINUTE)]])
            left = str(MINUTE)
    return float(max(int(left), 1)) if int(number) > most else None
