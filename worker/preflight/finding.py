"""The result of one check."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """The name of the check, whether it is well (None: it works, with a warning), and the remedy."""

    name: str
    well: bool | None
    message: str
