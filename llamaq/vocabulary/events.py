"""The entries of a job's log, typed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from llamaq.vocabulary.errors import StreamError
from llamaq.vocabulary.results import ErrorInfo, TaggedResult
from llamaq.vocabulary.wire import Frozen, JsonObject, dump_members

WIRE_VERSION = 1
_DELTA = f'{{"v":{WIRE_VERSION},"type":"delta",'
"""How each `delta` begins: the first two members have their place."""


class _Entry(NamedTuple):
    """Where an event comes from."""

    cursor: str
    payload: str
    fresh: bool = False


class BaseEvent(Frozen):  # noqa: PLW1641 - a frozen model has a hash
    """The fields of every event: the wire version, its attempt (0 before the first) and when it was written."""

    v: int = WIRE_VERSION
    attempt: int = 0
    at: datetime
    _entry: ClassVar[_Entry | None] = None

    def __eq__(self, other: object) -> bool:
        """Whether the other event says the same, and is the same entry of the log."""
        if not isinstance(other, BaseEvent):
            return NotImplemented
        return self._entry == other._entry and super().__eq__(other)

    @property
    def cursor(self) -> str:
        """The id of the event in the log: `events(after=cursor)` continues behind it."""
        return self._entry.cursor if self._entry else ""

    @property
    def payload(self) -> str:
        """The event's JSON as it is in the log, with fields that a newer worker may have added."""
        return self._entry.payload if self._entry else ""

    @property
    def fresh(self) -> bool:
        """Whether the reader made this event: a `queued` with the current position, which is not in the log.

        Its `cursor` is that of the last event from the log, so a reader that continues there misses nothing.
        """
        return self._entry is not None and self._entry.fresh

    @property
    def terminal(self) -> bool:
        """Whether this is the last event of the job."""
        return False


class Queued(BaseEvent):
    """The job was accepted. `position` counts the jobs ahead; `eta_seconds` is None while nothing was measured.

    Both are None until the `start_after` of the request.

    In the log both are as of the submit. While the job is queued, a reader gets a `fresh` event when they change.
    """

    type: Literal["queued"] = "queued"
    position: int | None
    eta_seconds: float | None = None


class Started(BaseEvent):
    """An attempt began. With `attempt` above 1, the text of earlier attempts is void."""

    type: Literal["started"] = "started"
    host: str
    worker: str


class Delta(BaseEvent):
    """A piece of the answer: any of `text`, `thinking`, `tool_calls` and `logprobs`. It may join several tokens."""

    type: Literal["delta"] = "delta"
    text: str | None = None
    thinking: str | None = None
    tool_calls: list[JsonObject] | None = None
    logprobs: list[JsonObject] | None = None


class Progress(BaseEvent):
    """The stage of an attempt that sends no text, with its numbers where they are known.

    The stages are `loading`, `prompt`, `repairing`, `pulling`, and `embedding` (`completed` of `total` inputs). After
    `repairing` the text of an extraction begins anew. `prompt` means that the model is in memory and no piece has
    come. Its `possible` lists what that may be, since Ollama does not tell: `prompt`, `queue` (Ollama's own), and what
    it may hold back until it is whole: `tool_call`, `structured_output`, `thinking`. That of a pull may have a `layer`,
    with its `digest`, `completed` and `total` bytes.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="allow")

    type: Literal["progress"] = "progress"
    stage: str


class Retrying(BaseEvent):
    """The attempt failed, and another one may succeed; it begins after `delay_seconds` at the earliest."""

    type: Literal["retrying"] = "retrying"
    error: ErrorInfo
    delay_seconds: float


class Terminal(BaseEvent):
    """The last event of a job."""

    @property
    def terminal(self) -> bool:
        """Always true here."""
        return True


class Completed(Terminal):
    """The job ended with a result."""

    type: Literal["completed"] = "completed"
    result: TaggedResult


class Failed(Terminal):
    """The job ended with an error."""

    type: Literal["failed"] = "failed"
    error: ErrorInfo


class Cancelled(Terminal):
    """The job was cancelled."""

    type: Literal["cancelled"] = "cancelled"
    reason: str


class Expired(Terminal):
    """The job was not started within `start_within`."""

    type: Literal["expired"] = "expired"
    reason: str


Event = Queued | Started | Delta | Progress | Retrying | Completed | Failed | Cancelled | Expired
_ADAPTER: TypeAdapter[Event] = TypeAdapter(
    Annotated[Event, Field(discriminator="type")], config=ConfigDict(defer_build=True)
)


def build_validator() -> None:
    """Build the validator of events now, and not at its first use, where each of many threads would build it."""
    _ADAPTER.rebuild()


def parse(cursor: str, payload: str | bytes) -> Event:
    """The typed event of one log entry.

    Raises:
        StreamError: it is not an event of this wire version: the worker is newer than this SDK, or the log is damaged.
    """
    try:
        event = _ADAPTER.validate_json(payload)
        if event.v > WIRE_VERSION:
            raise StreamError(
                f"event {cursor} is of wire version {event.v}, this llamaq knows {WIRE_VERSION}: update it"
            )
    except ValidationError as error:
        raise StreamError(
            f"event {cursor} is not one of wire version {WIRE_VERSION}: is the worker newer than this llamaq? "
            f"{error.errors()[0]['msg']}"
        ) from error
    text = payload if isinstance(payload, str) else payload.decode()
    return _attach_entry(event, _Entry(cursor, text))


class Piece(NamedTuple):
    """What a `delta` says, without the model of the event: it is made in a tenth of the time.

    Attributes:
        cursor: of the event.
        payload: its JSON.
    """

    cursor: str
    payload: str
    text: str | None = None
    thinking: str | None = None
    tool_calls: list[JsonObject] | None = None
    logprobs: list[JsonObject] | None = None
    type: Literal["delta"] = "delta"
    terminal: Literal[False] = False
    fresh: Literal[False] = False

    @property
    def text_alone(self) -> str | None:
        """The text, where it says nothing else."""
        return self.text if self.thinking is None and self.tool_calls is None and self.logprobs is None else None


def parse_piece(cursor: str, payload: str) -> Event | Piece:
    """Parse a `delta` into a `Piece`, and any other entry into its typed event.

    Raises:
        StreamError: as of `parse`.
    """
    if payload.startswith(_DELTA):
        try:
            field = from_json(payload).get
        except ValueError:
            return parse(cursor, payload)
        text, thinking, tool_calls, logprobs = field("text"), field("thinking"), field("tool_calls"), field("logprobs")
        if thinking is None and tool_calls is None and logprobs is None and isinstance(text, str):  # as most are
            return Piece(cursor, payload, text)
        if _is_text(text) and _is_text(thinking) and _are_objects(tool_calls) and _are_objects(logprobs):
            return Piece(cursor, payload, text, thinking, tool_calls, logprobs)
    event = parse(cursor, payload)
    if isinstance(event, Delta):
        return Piece(cursor, payload, event.text, event.thinking, event.tool_calls, event.logprobs)
    return event


def is_delta(payload: str) -> bool:
    """Whether the JSON of an event is that of a `delta`."""
    return payload.startswith(_DELTA)


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _are_objects(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(one, dict) for one in value))


def build_queued(cursor: str, position: int, eta_seconds: float | None, at: float) -> Event:
    """Build the `queued` event that a reader makes, with the current position of a job; `at` in Unix seconds."""
    eta = "null" if eta_seconds is None else repr(eta_seconds)
    common = dump_members(v=WIRE_VERSION, type="queued", attempt=0, at=round(at, 3), fresh=True, position=position)
    event = parse(cursor, f'{{{common},"eta_seconds":{eta}}}')
    return _attach_entry(event, _Entry(cursor, event.payload, fresh=True))


def _attach_entry(event: Event, entry: _Entry) -> Event:
    # Where a cached property has its value: a private attribute of pydantic would take as long as the rest of `parse`.
    event.__dict__["_entry"] = entry
    return event


@dataclass(frozen=True, slots=True)
class Restarted:
    """Stands between two pieces of `Job.text`: what came before it is void, and the text begins anew.

    It is no `str`, so a type checker asks for it. `str(...)` of it is a line to show in a place where nothing can be
    taken back.

    Attributes:
        attempt: the number of the attempt that begins; of an extraction's repair, that of the attempt it belongs to.
        cursor: of the event that says so.
    """

    attempt: int
    cursor: str

    def __str__(self) -> str:
        return "\n[begins anew]\n"
