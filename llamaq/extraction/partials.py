"""The object that an extraction draws out, as it grows: made of a job's events, without any I/O."""

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from llamaq.extraction.partial_json import NOTHING, GrowingJson
from llamaq.extraction.partial_model import builder_of
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.events import Completed, Delta, Event, Progress, Started
from llamaq.vocabulary.kinds.extraction import ExtractionResult
from llamaq.vocabulary.kinds.value_type import resolve_type

T = TypeVar("T")


class Partials(Generic[T]):
    """Takes the events of a job in their order."""

    def __init__(self, target: type[T] | TypeAdapter[T]) -> None:
        """Make it.

        Raises:
            InvalidRequest: the target is no type that pydantic knows.
        """
        try:
            self._adapter = resolve_type(target)
        except TypeError as error:
            raise InvalidRequest.of("target", str(error)) from error
        self._build = builder_of(self._adapter._type)  # noqa: SLF001 - a TypeAdapter has no public name for it
        self._growing = GrowingJson()
        self._last: Any = NOTHING

    def take(self, event: Event) -> Iterator[T]:
        """The object after the event, if it has changed; after the last event the whole object, validated.

        Raises:
            pydantic.ValidationError: the value is valid against the JSON Schema, but not for the type.
        """
        if isinstance(event, Started) or (isinstance(event, Progress) and event.stage == "repairing"):
            self._growing, self._last = GrowingJson(), NOTHING
        elif isinstance(event, Delta) and event.text:
            self._growing.add(event.text)
            yield from self._build_changed()
        elif isinstance(event, Completed) and isinstance(event.result, ExtractionResult):
            yield event.result.parse(self._adapter)

    def _build_changed(self) -> Iterator[T]:
        value = self._growing.value(mark=True)
        if value is NOTHING or value == self._last:
            return
        self._last = value
        try:
            made: T = self._build(value, False)
        except ValueError:  # the value is of another type so far
            return
        yield made
