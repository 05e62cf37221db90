"""The scripts that workers run, with their arguments. The head of each Lua file says what they mean."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from llamaq.store.arguments import Arguments


@dataclass(kw_only=True)
class Claim(Arguments):
    """Begins an attempt at an assigned job."""

    verb: ClassVar = "claim"
    id: str
    host: str
    lease_seconds: float
    worker: str
    members: str
    fence: str


@dataclass(kw_only=True)
class Append(Arguments):
    """Appends events of running attempts and renews their leases; `flushes.calls` makes its keys and its list."""

    verb: ClassVar = "append"
    lease_seconds: float


@dataclass(kw_only=True)
class Finish(Arguments):
    """Ends an attempt and its job."""

    verb: ClassVar = "finish"
    id: str
    fence: str
    state: str
    members: str
    field: str
    value: str
    conversation_ttl: int
    messages: str
    events: int = 0
    pieces: int = 0
    ran_seconds: float | Literal[""] = ""
    blame: str = ""
    reason: str = ""
    wait_seconds: float = 0
    next_fence: str = ""
    worker: str = ""
    members_of_next: str = ""
    lease_seconds: float = 0


@dataclass(kw_only=True)
class Release(Arguments):
    """Ends an attempt whose job waits for another."""

    verb: ClassVar = "release"
    id: str
    fence: str
    members: str = ""
    delay_seconds: float = 0
    counts: int = 0
    blame: str = ""
    reason: str = ""
    error: str = ""
    wait_seconds: float = 0
    give_up: float = 0
    ran_seconds: float = 0


@dataclass(kw_only=True)
class Refuse(Arguments):
    """Puts a bad message into the dead-letter stream."""

    verb: ClassVar = "refuse"
    id: str
    kind: str
    source: str
    message: str
    reason: str
    error: str
    result_ttl: int


@dataclass(kw_only=True)
class CallOff(Arguments):
    """Cancels a job, also one that has not been submitted yet."""

    verb: ClassVar = "call_off"
    id: str
    members: str
    reason: str
    result_ttl: int


@dataclass(kw_only=True)
class Report(Arguments):
    """Reports a host that answers."""

    verb: ClassVar = "report"
    host: str
    worker: str
    slots: int
    max_models: int
    status: str
    affinity_patience: float
    lane_patience: float
    loaded: str
    models: str
    runners: str
    machine: str = ""
    version: str = ""
    since: float | str = ""
    webhooks: str = ""


@dataclass(kw_only=True)
class Down(Arguments):
    """Reports a host that does not answer."""

    verb: ClassVar = "down"
    host: str
    worker: str
    slots: int
    max_models: int
    reason: str
    version: str = ""
    since: float | str = ""
    webhooks: str = ""


@dataclass(kw_only=True)
class Proven(Arguments):
    """Reports that an answer has begun on a host."""

    verb: ClassVar = "proven"
    host: str
    id: str


@dataclass(kw_only=True)
class Leave(Arguments):
    """Removes a worker from its host."""

    verb: ClassVar = "leave"
    host: str
    worker: str
    seconds: float = 0
    version: str = ""
    since: float | str = ""


@dataclass(kw_only=True)
class Reap(Arguments):
    """Does one round of the reaper."""

    verb: ClassVar = "reap"
    worker: str
    leader_seconds: float
    most: int
    lease_seconds: float
    lost: str
    exhausted: str
    exhausted_error: str
    orphan_seconds: float
    orphan_error: str
    light: int = 0


@dataclass(kw_only=True)
class Mend(Arguments):
    """Sets damaged keys aside."""

    verb: ClassVar = "mend"
    host: str
    queue: str
    at_a_time: int


@dataclass(kw_only=True)
class Gauges(Arguments):
    """Reads the figures of the fleet."""

    verb: ClassVar = "gauges"


@dataclass(kw_only=True)
class WebhookTake(Arguments):
    """Takes a delivery that is due."""

    verb: ClassVar = "webhook_take"
    seconds: float
    busy: str
    webhooks: str = ""


@dataclass(kw_only=True)
class WebhookSettle(Arguments):
    """Records the outcome of a delivery."""

    verb: ClassVar = "webhook_settle"
    id: str
    tries: int
    outcome: str
    seconds: float
    reason: str
    body: str


@dataclass(kw_only=True)
class Publish(Arguments):
    """Makes the scripts of this version those of the fleet."""

    verb: ClassVar = "publish"
    version: int
    digest: str
    scripts: str
    seconds: int


WORKER_SCRIPTS: tuple[type[Arguments], ...] = (
    Claim,
    Append,
    Finish,
    Release,
    Refuse,
    CallOff,
    Mend,
    Report,
    Down,
    Proven,
    Leave,
    Reap,
    Gauges,
    WebhookTake,
    WebhookSettle,
    Publish,
)
