"""Event writers, as tests start and end them."""

from collections.abc import Iterator

import pytest

from embedded.scripted.fleet import LEASE_SECONDS, Fleet
from llamaq.store.clock import SYSTEM
from llamaq.store.connection import Client
from tests.unit.worker.writing import NEVER, Writing
from worker.attempt.event_writer import EventWriter


@pytest.fixture
def writing(fleet: Fleet) -> Iterator[Writing]:
    """Starts scribes, by default with a flush window that never ends."""
    started: list[EventWriter] = []

    def start(
        flush_seconds: float = NEVER, lease_seconds: float = LEASE_SECONDS, client: Client | None = None
    ) -> EventWriter:
        scribe = EventWriter(client or fleet.redis, fleet.keys, SYSTEM, flush_seconds, lease_seconds)
        started.append(scribe)
        return scribe

    yield start
    for scribe in started:
        scribe.close()
