"""The arguments of a Lua script, declared once: the call and the script's table `given` are made from the fields."""

from dataclasses import MISSING, dataclass, fields
from typing import ClassVar

Value = str | bytes | int | float


@dataclass
class Arguments:
    """The arguments of one script. A subclass adds a field for each argument; its script is the file `<verb>.lua`.

    It is not changed, and not frozen: making a frozen one of thirty fields takes three times as long.
    A field with a default may be added later: older callers do not send it, and older scripts do not get it.
    """

    verb: ClassVar[str]

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names, in the order in which the script gets the values behind the prefix."""
        return tuple(field.name for field in fields(cls))

    def values(self) -> dict[str, Value]:
        """The values by name, in that order."""
        return vars(self)

    def required_names(self) -> set[str]:
        """The names of the arguments that a script must have: those that are not at their default."""
        return {
            field.name
            for field in fields(self)
            if field.default is MISSING or getattr(self, field.name) != field.default
        }
