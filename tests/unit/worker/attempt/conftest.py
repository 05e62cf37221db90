"""Event writers, as tests start and end them."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from embedded.scripted.fleet import LEASE_SECONDS, Fleet
from llamaq.store.clock import SYSTEM, Clock
from llamaq.store.redis_client import Client
from tests.unit.worker.writing import NEVER, Writing, run_supervised
from worker.attempt.event_writer import EventWriter


@pytest.fixture
def writing(fleet: Fleet) -> Iterator[Writing]:
    """Starts event writers, by default with a flush window that never ends."""
    with ExitStack() as stack:

        def start(
            flush_seconds: float = NEVER,
            lease_seconds: float = LEASE_SECONDS,
            client: Client | None = None,
            most_flush_seconds: float = 0,
            clock: Clock = SYSTEM,
        ) -> EventWriter:
            redis = client or fleet.redis
            writer = EventWriter(redis, fleet.keys, clock, flush_seconds, lease_seconds, most_flush_seconds)
            stack.enter_context(run_supervised(writer))
            return writer

        yield start
