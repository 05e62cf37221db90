"""Packs commands for a connection, into one piece: each piece would be a call of the kernel.

redis-py looks at each value before hiredis does, which takes longer than the packing. A command has texts, bytes and
numbers alone.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llamaq.store.script_runs import Command

_pack: Callable[[tuple[Any, ...]], bytes] | None
try:
    from hiredis import pack_command as _pack
except ImportError:  # an application has redis-py alone
    _pack = None


def packed(connection: Any, commands: Sequence[Command]) -> Sequence[bytes]:
    """The commands as they are sent over this connection of redis-py."""
    if _pack is None:
        pieces: Sequence[bytes] = connection.pack_commands(commands)
        return pieces
    # The name may be of two words (`SCRIPT LOAD`).
    return [b"".join([_pack((*str(command[0]).split(), *command[1:])) for command in commands])]
