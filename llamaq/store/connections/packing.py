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
    """The commands as they are sent over this connection of redis-py. One that is bytes is packed already."""
    if _pack is None:
        return [b"".join(piece for command in commands for piece in _pieces(connection, command))]
    return [b"".join([command if isinstance(command, bytes) else _pack(_words(command)) for command in commands])]


def packed_command(*words: str) -> bytes:
    """A command for `packed`, which is sent often and so is packed once."""
    return b"*%d\r\n%b" % (len(words), b"".join(map(packed_text, words)))


def packed_text(text: str) -> bytes:
    """One word of a command."""
    data = text.encode()
    return b"$%d\r\n%b\r\n" % (len(data), data)


def _pieces(connection: Any, command: Command) -> Sequence[bytes]:
    pieces: Sequence[bytes] = [command] if isinstance(command, bytes) else connection.pack_commands([command])
    return pieces


def _words(command: Command) -> tuple[Any, ...]:
    name = str(command[0])
    # It may be of two words (`SCRIPT LOAD`).
    return (*name.split(), *command[1:]) if " " in name else tuple(command)
