"""What a script that placed jobs answers: which doorbells to ring."""

from typing import NamedTuple


class Ring(NamedTuple):
    """One placed job."""

    job_id: str
    kind: str
    host: str


def rings(flat: list[str]) -> list[Ring]:
    """The rings in a script's answer, which lists them flat."""
    return [Ring(*flat[index : index + 3]) for index in range(0, len(flat), 3)]
