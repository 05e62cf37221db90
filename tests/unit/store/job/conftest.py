"""What tests of one job in the store share."""

import pytest

from embedded.scripted.fleet import Fleet
from llamaq.store.worker.webhook_deliveries import Deliveries


@pytest.fixture
def deliveries(fleet: Fleet) -> Deliveries:
    """The webhook deliveries of the fleet."""
    return Deliveries(fleet.redis, fleet.keys)
