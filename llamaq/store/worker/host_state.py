"""What the store answers to a worker about its host, and about a round of the reaper."""

from typing import NamedTuple


class Reaped(NamedTuple):
    """The numbers of jobs that one round of the reaper changed; `reap.lua` says what each counts."""

    lost: int = 0
    unclaimed: int = 0
    due: int = 0
    expired: int = 0
    refused: int = 0
    orphaned: int = 0
    newer: int = 0


class HostState(NamedTuple):
    """The state of a host in the store.

    Attributes:
        circuit: `closed`, `open` or `half_open`.
        refused: whether the circuit of a model is not closed there.
        trials: the latest jobs that tried half-open circuits.
        sizes: those that the host's workers state (`LLAMAQ_SLOTS` x `LLAMAQ_MAX_MODELS`), where they differ.
        machines: of the workers that report this host as an Ollama of their own machine; more than 1 is a mistake.
        pause: `paused` or `draining` by an operator, or an empty text.
        loading: whether a model is being loaded there.
        wanted: whether jobs wait for the models of the host; it is answered for a host that is down.
    """

    circuit: str = "closed"
    trials: frozenset[str] = frozenset()
    loading: bool = False
    wanted: bool = True
    refused: bool = False
    sizes: str = ""
    machines: int = 0
    pause: str = ""

    @property
    def is_recovering(self) -> bool:
        """Whether any circuit is not closed."""
        return self.circuit != "closed" or self.refused
