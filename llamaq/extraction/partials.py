"""The object that an extraction draws out, as it grows: from a job's events, without any I/O."""

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from llamaq.extraction.partial_json import NOTHING, GrowingJson
from llamaq.extraction.partial_model import grower
from llamaq.vocabulary.events import Completed, Delta, Event, Progress, Started
from llamaq.vocabulary.kinds.extraction import ExtractionResult
from llamaq.vocabulary.wire import adapter_of

T = TypeVar("T")


class Partials(Generic[T]):
    """Takes events in their order."""

    def __init__(self, target: type[T] | TypeAdapter[T]) -> None:
        self._adapter = adapter_of(target)
        self._grow = grower(self._adapter._type)  # noqa: SLF001 - a TypeAdapter tells nobody its type otherwise
        self._growing = GrowingJson()
        self._last: Any = NOTHING

    def take(self, event: Event) -> Iterator[T]:
        """The object after the event, if it has changed; after the last event the whole one, validated.

        Raises:
            pydantic.ValidationError: the value is valid JSON Schema-wise, but not to the type.
        """
        if isinstance(event, Started) or (isinstance(event, Progress) and event.stage == "repairing"):
            self._growing, self._last = GrowingJson(), NOTHING
        elif isinstance(event, Delta) and event.text:
            self._growing.add(event.text)
            yield from self._changed()
        elif isinstance(event, Completed) and isinstance(event.result, ExtractionResult):
            yield event.result.parse(self._adapter)

    def _changed(self) -> Iterator[T]:
        value = self._growing.value(mark=True)
        if value is NOTHING or value == self._last:
            return
        self._last = value
        try:
            made: T = self._grow(value, False)
        except ValueError:  # a bare value of the wrong type: there is no object to show yet
            return
        yield made
