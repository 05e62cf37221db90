"""Workers of one host that state different sizes."""

from embedded.scripted.fleet import MODEL, PATIENCE, Fleet
from llamaq.store.worker.job_store import JobStore


def report(store: JobStore, slots: int, max_models: int = 1) -> str:
    """The sizes that differ, as the worker learns them."""
    return store.report(slots, max_models, '{"models":[]}', [MODEL], **PATIENCE).sizes


def test_the_least_counts_and_it_is_told(fleet: Fleet) -> None:
    """Whoever reports last: more requests than the host serves would wait inside Ollama."""
    first, second = fleet.open_store(name="w1"), fleet.open_store(name="w2")
    assert report(first, 6, 2) == ""
    assert report(second, 1, 3) == "1x3, 6x2"
    for store, size in ((first, (6, 2)), (second, (1, 3))) * 2:
        assert report(store, *size) == "1x3, 6x2"
        (host,) = fleet.queue.hosts()
        assert (host.slots, host.max_models, host.sizes) == (1, 2, "1x3, 6x2")
    [fleet.submit() for _ in range(3)]
    assert len(fleet.slots()) == 1


def test_a_worker_that_leaves_or_dies_no_longer_counts(fleet: Fleet) -> None:
    """At once, or when it has been silent for as long as a host may be."""
    first, second = fleet.open_store(name="w1"), fleet.open_store(name="w2")
    report(first, 6)
    report(second, 1)
    second.leave()
    assert report(first, 6) == ""
    assert fleet.queue.hosts()[0].slots == 6

    second.report_down(2, 1, "no route")
    assert fleet.queue.hosts()[0].sizes == "2x1, 6x1"
    key = f"{fleet.keys.host('alpha')}:sizes"
    fleet.redis.hset(key, "w2", "1 2 1")
    assert report(first, 6) == ""
    assert fleet.redis.hkeys(key) == ["w1"]
    assert fleet.queue.hosts()[0].sizes is None


def test_machines_of_one_name_are_told(fleet: Fleet) -> None:
    """Two that each have the host as a server of their own; not two workers of one machine, nor where none is known."""

    def machines(store: JobStore, machine: str) -> int | None:
        store.report(1, 1, '{"models":[]}', [MODEL], machine=machine, **PATIENCE)
        return fleet.queue.hosts()[0].machines

    first, second, third = (fleet.open_store(name=f"w{number}") for number in range(3))
    assert machines(first, "a") is None
    assert machines(second, "a") is None
    assert machines(third, "") is None
    assert machines(third, "b") == 2
    third.leave()
    assert machines(first, "a") is None
