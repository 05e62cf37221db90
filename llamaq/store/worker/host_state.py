"""What the store answers to a worker about its host, and about a round of the reaper."""

from typing import NamedTuple


class Reaped(NamedTuple):
    """The numbers of jobs that one round of the reaper changed; `reap.lua` says what each counts."""

    lost: int
    unclaimed: int
    due: int
    expired: int


class HostState(NamedTuple):
    """The state of a host in the store.

    Attributes:
        circuit: `closed`, `open` or `half_open`.
        trial: the job that tries a half-open circuit, or an empty text.
        loading: whether a model is being loaded there.
        wanted: whether jobs wait for the models of the host; it is answered for a host that is down.
    """

    circuit: str = "closed"
    trial: str = ""
    loading: bool = False
    wanted: bool = True
