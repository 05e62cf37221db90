"""Which scripts the fleet runs, while a worker stops."""

from embedded.scripted.fleet import Fleet
from llamaq.store import scripts
from llamaq.store.clock import SYSTEM
from tests.unit.worker.writing import until
from worker.duties.health import Health
from worker.duties.script_registry import ScriptRegistry
from worker.duties.supervisor import Supervisor


def test_a_worker_that_drains_still_publishes(fleet: Fleet) -> None:
    """An older one would else publish scripts that do not know its last ends."""
    supervisor = Supervisor([ScriptRegistry(fleet.redis, fleet.keys, lambda: True)], SYSTEM, Health(SYSTEM), print)
    supervisor.start()
    try:
        supervisor.stop("quiet")
        for _ in range(2):  # a round may have been under way
            fleet.redis.delete(fleet.keys.store())
            until(lambda: fleet.redis.hget(fleet.keys.store(), "digest") == scripts.digest())
    finally:
        supervisor.stop("drain")
        supervisor.close()
