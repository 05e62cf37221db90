"""Batches: which items to start, and which results to give next. Without any I/O: threads and asyncio both drive it."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import starmap
from typing import Any, Generic

from pydantic import TypeAdapter
from typing_extensions import TypeVar

from llamaq.admission.limits import check_iterable
from llamaq.client.list_pages import check_limit
from llamaq.vocabulary.errors import (
    InvalidRequest,
    JobCancelled,
    JobError,
    JobExpired,
    JobFailed,
    JobNotFound,
    UnknownModel,
)
from llamaq.vocabulary.kinds.extraction import ExtractionResult
from llamaq.vocabulary.kinds.request import Request
from llamaq.vocabulary.kinds.value_type import adapter_of
from llamaq.vocabulary.requests import AnyRequest
from llamaq.vocabulary.results import AnyResult, ErrorInfo
from llamaq.vocabulary.wire import Frozen

T = TypeVar("T")
B = TypeVar("B", bound=AnyResult, default=AnyResult)

IN_FLIGHT = 8
POLL_SECONDS = 2.0
"""How long a thread waits for its job before it checks whether the caller has stopped."""


class BatchResult(Frozen, Generic[B]):
    """How one item of a batch ended: with a `result`, or with an `error`.

    Attributes:
        custom_id: the item's name; where it has none its number, from 1.
        job_id: None where the item never became a job.
        error: like that of a failed job, with the further codes `cancelled`, `expired` and `job_not_found`.
    """

    custom_id: str
    job_id: str | None = None
    result: B | None = None
    error: ErrorInfo | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a result."""
        return self.error is None

    def parse(self, target: type[T] | TypeAdapter[T]) -> T:
        """The typed value of an extraction, as `ExtractionResult.parse`.

        Raises:
            JobFailed: the item has an error.
            TypeError: the result is not an extraction's.
        """
        if self.error is not None:
            raise JobFailed(self.job_id or "", self.error)
        if not isinstance(self.result, ExtractionResult):
            raise TypeError(f"{self.custom_id} is no extraction, but has a {type(self.result).__name__}")
        return self.result.parse(target)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a batch: a request, its name, and the type of its value, where it is an extraction with one."""

    custom_id: str
    request: AnyRequest | Mapping[str, Any]
    target: Any = None


class Window:
    """The items in flight: at most `in_flight`, with those whose results wait for their turn."""

    def __init__(self, items: Iterable[Item], in_flight: int, *, ordered: bool) -> None:
        """Make it.

        Raises:
            InvalidRequest: `in_flight` is no whole number from 1.
        """
        self._items = iter(items)
        self._in_flight = check_limit(in_flight, "in_flight")
        self._ordered = ordered
        self._started: deque[Item] = deque()
        self._ended: dict[int, BatchResult] = {}
        self._exhausted = False

    @property
    def is_open(self) -> bool:
        """Whether any item is in flight."""
        return bool(self._started)

    def start(self) -> Iterator[Item]:
        """The items that can be started now."""
        while len(self._started) < self._in_flight and not self._exhausted:
            try:
                item = next(self._items)
            except StopIteration:
                self._exhausted = True
                return
            self._started.append(item)
            yield item

    def end(self, item: Item, result: BatchResult) -> Iterator[BatchResult]:
        """Take the result of an item. Returns the results that can be given now."""
        self._ended[id(item)] = result
        if not self._ordered:
            self._started = deque(each for each in self._started if each is not item)
            yield self._ended.pop(id(item))
        while self._started and id(self._started[0]) in self._ended:
            yield self._ended.pop(id(self._started.popleft()))


def parse_items(requests: Iterable[Any], run: str | None = None) -> Iterator[Item]:
    """Parse what `batch` takes: `{"custom_id", "kind", "request"}`, a request with its `kind`, or a model.

    A request without a lane waits in the lane `batch`.

    Args:
        requests: dicts or request models.
        run: the name of the run. It and the item's name make the idempotency key of a request that has none.

    Raises:
        InvalidRequest: one is none of these, or, with `run`, has the name of an earlier item.
    """
    keys = _Keys(run)

    def parse_item(number: int, given: Any) -> Item:
        item = _parse_item(given, number)
        return _set_defaults(item, {"priority": "batch"} | keys.assign(item.custom_id, number))

    return starmap(parse_item, enumerate(check_iterable(requests, "items"), 1))


def parse_extractions(
    model: str, schema: Any, items: Iterable[Any], run: str | None, fields: Mapping[str, Any], target: Any = None
) -> Iterator[Item]:
    """Parse what `extract_many` takes: texts, or dicts of the fields that differ; `target` is the type."""
    adapter = None if target is None or isinstance(target, dict) else adapter_of(target)
    if "idempotency_key" in fields:
        raise InvalidRequest.of("idempotency_key", "one key would make one job of all: give `run`")
    keys = _Keys(run)

    def parse_item(number: int, given: Any) -> Item:
        own = {"prompt": given} if isinstance(given, str) else dict(_check_mapping(given, number))
        custom_id = _resolve_custom_id(own.pop("custom_id", None), number)
        request = {**fields, "kind": "extraction", "model": model, "schema": schema, **own}
        return _set_defaults(Item(custom_id, request, adapter), keys.assign(custom_id, number))

    return starmap(parse_item, enumerate(check_iterable(items, "items"), 1))


def _parse_item(given: Any, number: int) -> Item:
    if isinstance(given, Request):
        return Item(str(number), given)  # type: ignore[arg-type]  # the base of all the request models
    fields = dict(_check_mapping(given, number))
    custom_id = _resolve_custom_id(fields.pop("custom_id", None), number)
    if fields.get("request") is None:
        fields.pop("request", None)
        return Item(custom_id, fields)
    return Item(custom_id, {"kind": fields.get("kind"), **_check_mapping(fields["request"], number)})


def _resolve_custom_id(custom_id: Any, number: int) -> str:
    return str(number if custom_id is None else custom_id)


def _check_mapping(given: Any, number: int) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise InvalidRequest.of(f"items.{number}", f"give an object, not {type(given).__name__}")
    return given


class _Keys:
    """The idempotency keys of a run; without a run, none."""

    def __init__(self, run: str | None) -> None:
        if run is not None and not (isinstance(run, str) and run):
            raise InvalidRequest.of("run", "give the name of the run as a text that is not empty")
        self._run = run
        self._given: set[str] = set()

    def assign(self, custom_id: str, number: int) -> dict[str, str]:
        """Assign a key to an item, as a field. Raises InvalidRequest where an earlier one has its name."""
        if self._run is None:
            return {}
        if custom_id in self._given:  # the same key would give it the other's result
            raise InvalidRequest.of(
                f"items.{number}.custom_id", f"{custom_id[:80]!r} names an item before it in the run"
            )
        self._given.add(custom_id)
        return {"idempotency_key": f"{self._run}:{custom_id}"}


def _set_defaults(item: Item, defaults: dict[str, str]) -> Item:
    """Set defaults in a copy of the item, for the fields that its request does not set."""
    request = item.request
    if isinstance(request, Mapping):
        given = {name: value for name, value in request.items() if name not in defaults or value is not None}
        return replace(item, request={**defaults, **given})
    unset = {name: value for name, value in defaults.items() if name not in request.model_fields_set}
    return replace(item, request=request.model_copy(update=unset))


def make_refused_result(item: Item, error: InvalidRequest | UnknownModel, job_id: str | None = None) -> BatchResult:
    """Make the result of an item that never became a job, or whose further job was not queued."""
    code = "model_not_found" if isinstance(error, UnknownModel) else error.code
    return BatchResult(custom_id=item.custom_id, job_id=job_id, error=ErrorInfo(code=code, message=str(error)))


def make_result(item: Item, job_id: str, outcome: AnyResult | JobError) -> BatchResult:
    """Make the result of an item whose job has ended."""
    match outcome:
        case JobFailed(error=error):
            pass
        case JobCancelled():
            error = ErrorInfo(code="cancelled", message=str(outcome), retryable=True)
        case JobExpired():
            error = ErrorInfo(code="expired", message=str(outcome), retryable=True)
        case JobNotFound():
            error = ErrorInfo(code="job_not_found", message=str(outcome), retryable=True)
        case JobError():
            raise outcome
        case _:
            return BatchResult(custom_id=item.custom_id, job_id=job_id, result=outcome)
    return BatchResult(custom_id=item.custom_id, job_id=job_id, error=error)
