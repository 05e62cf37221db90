"""The sizes of a full run, and of a quick one that only shows that the bench works."""

from dataclasses import dataclass

RATE = 50
"""Tokens per second of one stream."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes of one run.

    Attributes:
        sizes: workers, each with a host of its own.
        slots: of each host.
        long_rounds: rounds of long jobs at each size.
        job_seconds: how long a long job takes its host; it is one token.
        jobs_per_slot: long jobs for each slot.
        flood: jobs without length for each host, to fill the processor.
        idle_seconds: how long an idle fleet is watched; the leader looks at all keys every 10 s of it.
        streams: answers at a time where the cost of a token is measured.
        tokens: of each of them.
        short: jobs of one token, for the cost of a job.
        kept: jobs that wait, for the memory of one.
        backlogs: jobs that wait.
        tenants: over how many tenants they are spread.
        rounds: how often each backlog has its turn.
        cycles: calls of each kind in one turn.
        hosts: hosts that Redis knows, all with the same model; made by their reports alone.
        host_rounds: turns of each of those.
        simulated_hosts: hosts of the simulation.
        simulated_rate: jobs a second that are submitted there, and that its slots can do.
        simulated_seconds: how long it is watched.
        failovers: masters that are lost.
        failover_tokens: of each answer that is streamed meanwhile.
    """

    sizes: tuple[int, ...] = (1, 2, 4, 8)
    slots: int = 4
    long_rounds: int = 2
    job_seconds: float = 3.0
    jobs_per_slot: int = 3
    flood: int = 250
    idle_seconds: float = 20.0
    streams: int = 32
    tokens: int = 400
    short: int = 320
    kept: int = 10_000
    backlogs: tuple[int, ...] = (100, 10_000, 100_000)
    tenants: tuple[int, ...] = (1, 1_000)
    rounds: int = 5
    cycles: int = 100
    hosts: tuple[int, ...] = (1, 10, 100, 1_000)
    host_rounds: int = 3
    simulated_hosts: int = 1_000
    simulated_rate: int = 500
    simulated_seconds: float = 30.0
    failovers: int = 3
    failover_tokens: int = 300


FULL = Plan()
QUICK = Plan(
    sizes=(1, 2), slots=2, long_rounds=1, job_seconds=0.5, jobs_per_slot=2, flood=10, idle_seconds=0.3, streams=4,
    tokens=20, short=8, kept=50, backlogs=(20, 200), tenants=(1, 10), rounds=2, cycles=5, hosts=(1, 4), host_rounds=1,
    simulated_hosts=4, simulated_rate=16, simulated_seconds=0.5, failovers=1, failover_tokens=100,
)  # fmt: skip
