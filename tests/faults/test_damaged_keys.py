"""Something else writes over the keys of a living worker: it goes on, and its jobs end."""

from collections.abc import Iterator

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from llamaq.vocabulary.errors import BrokerUnavailable
from llamaq.vocabulary.events import Delta
from tests.changed_worker import SOON, command
from tests.conftest import MODEL
from tests.faults.site import HOST, Site
from tests.service import read_until, wait_until

CELERY = ["", ".unacked", ".unacked_index", ".unacked_mutex", f".host.{HOST}", ".worker", ".scripts", ".store"]
ALL = [*CELERY, ":inbox", ":inbox:taken", ":dead", ":leases", ":hosts", ":jobs", ":reaper", f":host:{HOST}", ":ended"]
ALL += [f":host:{HOST}:{name}" for name in ("slots", "workers", "models", "loaded", "sizes")]
ALL += [f":waiting:normal:{MODEL}", f":lane:normal:{MODEL}", f":model:{MODEL}:hosts", ":failing"]


@pytest.fixture(scope="module")
def calm_site() -> Iterator[Site]:
    """A site of these tests' own: what they damage may leave a message in Celery's hash, where other tests look."""
    with EmbeddedRedis.start() as server, ScriptedOllama.start(slots=2) as ollama, Site(server, ollama) as site:
        site.start_worker(command(SOON), probe_seconds=0.5)
        yield site


def completes(site: Site) -> bool:
    """Whether a job that is submitted now completes; a submit may fail for a second."""
    try:
        job = site.queue.generate(MODEL, "after it", wait_for_model=True)
    except BrokerUnavailable:
        return False
    job.result(30)
    return True


@pytest.mark.parametrize("names", [*([name] for name in CELERY), ALL], ids=[*map(repr, CELERY), "all at once"])
def test_a_worker_outlives_damaged_keys(calm: Site, names: list[str]) -> None:
    """The job that runs meanwhile completes, jobs by all ways complete afterwards, and the worker is the same one."""
    calm.ollama.script(count=20, rate=40)
    running = calm.queue.generate(MODEL, "long")
    read_until(running, Delta)
    (worker,) = calm.redis.zrange(f"{calm.prefix}:host:{HOST}:workers", 0, -1)
    for name in names:
        key = calm.keys.worker_queue(worker) if name == ".worker" else calm.prefix + name
        calm.redis.delete(key)
        if name == ".unacked_mutex":
            calm.redis.rpush(key, "x")
        else:
            calm.redis.set(key, "x")

    assert running.result(60).attempts <= 2
    wait_until(lambda: completes(calm))
    wait_until(lambda: calm.redis.type(calm.keys.inbox()) != "string")
    calm.redis.xadd(calm.keys.inbox(), {"id": f"inbox-{len(names)}", "kind": "generate", "request": "{}"})
    wait_until(lambda: calm.redis.exists(calm.keys.record(f"inbox-{len(names)}")))
    wait_until(lambda: calm.redis.type(calm.keys.intake_queue()) != "string")
    calm.redis.lpush(calm.keys.intake_queue(), "nonsense")
    wait_until(lambda: calm.redis.llen(calm.keys.intake_queue()) == 0)
    wait_until(lambda: calm.redis.type(f"{calm.prefix}.unacked") == "none")  # mended, and no message is left in it
    calm.redis.delete(calm.keys.damaged(), calm.keys.record(f"inbox-{len(names)}"))
