"""Packs commands for a connection, into one piece: each piece would be a call of the kernel.

redis-py looks at each value before hiredis does, which takes longer than the packing. A command has texts, bytes and
numbers alone. Hiredis is given no number: as it writes one, it looks for signals, and where the handler of one raises
(Ctrl-C) it ends the process with a segmentation fault.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llamaq.store.arguments import Value
from llamaq.store.script_runs import Command

_pack: Callable[[tuple[Any, ...]], bytes] | None
try:
    from hiredis import pack_command as _pack
except ImportError:  # an application has redis-py alone
    _pack = None
_NUMBERS = frozenset((int, float))


def pack_commands(connection: Any, commands: Sequence[Command]) -> Sequence[bytes]:
    """Pack commands for this connection of redis-py. One that is bytes is packed already."""
    if _pack is None:
        return [b"".join(piece for command in commands for piece in _pack_pieces(connection, command))]
    return [b"".join([command if isinstance(command, bytes) else _pack(_split_words(command)) for command in commands])]


class Packer:
    """Packs what redis-py itself sends, such as `HELLO 3`."""

    def pack(self, *words: Value) -> list[bytes]:
        """The command, in one piece."""
        return [_pack(_split_words(words))] if _pack else []


def packer_option() -> dict[str, Any]:
    """The option of redis-py's blocking connections, where it uses hiredis. Those for asyncio pack without it."""
    return {"command_packer": Packer()} if _pack else {}


def pack_command(*words: str) -> bytes:
    """Pack a command for `pack_commands`: one that is sent often, and so is packed once."""
    return b"*%d\r\n%b" % (len(words), b"".join(map(pack_text, words)))


def pack_text(text: str) -> bytes:
    """Pack one word of a command."""
    data = text.encode()
    return b"$%d\r\n%b\r\n" % (len(data), data)


def _pack_pieces(connection: Any, command: Command) -> Sequence[bytes]:
    pieces: Sequence[bytes] = [command] if isinstance(command, bytes) else connection.pack_commands([command])
    return pieces


def _split_words(command: Command) -> tuple[Any, ...]:
    words = [repr(word) if type(word) in _NUMBERS else word for word in command]
    name = str(words[0])
    # It may be of two words (`SCRIPT LOAD`).
    return (*name.split(), *words[1:]) if " " in name else tuple(words)
