"""The arguments of a Lua script, declared once: from the fields come the call and the script's own table `given`."""

from dataclasses import MISSING, dataclass, fields
from typing import ClassVar

Value = str | bytes | int | float


@dataclass(frozen=True)
class Arguments:
    """What one script is called with. A subclass adds a field for each argument; its script is the file `<verb>.lua`.

    A field with a default may be left out by callers that are older than it, and is not told to scripts that are.
    """

    verb: ClassVar[str]

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Their names, in the order in which the script gets them behind the prefix."""
        return tuple(field.name for field in fields(cls))

    def values(self) -> dict[str, Value]:
        """By name, in that order."""
        return vars(self)

    def needed(self) -> set[str]:
        """The names of those that are not at their default."""
        return {
            field.name
            for field in fields(self)
            if field.default is MISSING or getattr(self, field.name) != field.default
        }
