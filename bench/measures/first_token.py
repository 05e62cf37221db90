"""The time to the first token of one answer at a time, on an idle worker."""

import time

from bench.environment.services import MODEL, start_services
from bench.figures.machine import note_quiet
from bench.figures.results import Results
from bench.figures.spread import percentile
from bench.measures import peers
from bench.paths import Addresses
from bench.plan import Plan
from bench.readers.arrivals import First

PAUSE_SECONDS = 0.01
"""The pause between two requests, so that all processes are idle again."""
SLOTS = 4
MILLISECOND = 1e6


def measure(plan: Plan, results: Results) -> None:
    """Measure the paths in turn, request by request."""
    with start_services(SLOTS, peers.pythons(results) if plan.peers else {}) as on:
        on.host.script(stamp=True, count=3, rate=500, times=None)
        paths = {name: path(Addresses(on.redis.url, on.host.url, MODEL)) for name, path in peers.paths(on).items()}
        for path in paths.values():
            path.first()  # the first request opens connections and loads scripts
        for _ in range(plan.rounds):
            note_quiet(results)
            taken: dict[str, list[First]] = {name: [] for name in paths}
            for _ in range(plan.firsts):
                for name, path in paths.items():
                    time.sleep(PAUSE_SECONDS)
                    taken[name].append(path.first())
            _note(taken, results)
        for path in paths.values():
            path.close()


def _note(taken: dict[str, list[First]], results: Results) -> None:
    limit = percentile(_milliseconds(taken["direct"]), 50)
    for name, firsts in taken.items():
        took = _milliseconds(firsts)
        results.add("first_p50_ms", name, percentile(took, 50) - limit)
        results.add("first_p99_ms", name, percentile(took, 99) - limit)
        results.add("first_whole_ms", name, percentile(took, 50))
        results.add("first_submit_ms", name, percentile([(f.submitted - f.asked) / MILLISECOND for f in firsts], 50))
        results.add("first_to_host_ms", name, percentile([(f.sent - f.asked) / MILLISECOND for f in firsts], 50))
        results.add("first_back_ms", name, percentile([(f.received - f.sent) / MILLISECOND for f in firsts], 50))


def _milliseconds(firsts: list[First]) -> list[float]:
    return [(first.received - first.asked) / MILLISECOND for first in firsts]
