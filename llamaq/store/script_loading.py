"""How Redis comes to know a script that it has forgotten: from this client or, where the ACL forbids that, a worker.

A user that may load scripts may run any script. So the ACL of `ops/redis/users.acl` lets producers run only what the
workers have loaded, and a producer that meets a Redis fresh from a restart waits for them; they look once a second.
"""

import asyncio
from typing import Any

from redis.exceptions import NoPermissionError, NoScriptError

from llamaq.store.clock import SYSTEM, Clock
from llamaq.store.scripts import Script

LOOKS = 32
PAUSE_SECONDS = 0.25


class ScriptMissing(NoScriptError):
    """Redis does not know the script, this user may not load it, and no worker has."""

    def __init__(self, script: Script) -> None:
        super().__init__(
            f"it does not know the script {script.name!r}, which its ACL lets workers load alone, and none has: "
            "start a worker of this version of llamaq"
        )


def load(client: Any, script: Script, clock: Clock = SYSTEM) -> None:
    """Load the script, or wait until a worker has.

    Raises:
        ScriptMissing: none did.
    """
    try:
        client.script_load(script.text)
    except NoPermissionError:
        for _ in range(LOOKS):
            if client.script_exists(script.sha)[0]:
                return
            clock.sleep(PAUSE_SECONDS)
        raise ScriptMissing(script) from None


async def load_async(client: Any, script: Script) -> None:
    """The same for asyncio."""
    try:
        await client.script_load(script.text)
    except NoPermissionError:
        for _ in range(LOOKS):
            if (await client.script_exists(script.sha))[0]:
                return
            await asyncio.sleep(PAUSE_SECONDS)
        raise ScriptMissing(script) from None
