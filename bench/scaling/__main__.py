"""`python3 run.py bench scaling`: measure, print the tables, and with --write renew docs/scaling.md and its plots."""

from collections.abc import Callable
from pathlib import Path

from bench.command import load_or_measure, parse_arguments
from bench.figures.page import renew_page
from bench.figures.results import Results
from bench.scaling.figures import plots, report
from bench.scaling.measures import backlog, failover, hosts, memory, simulation, streams, throughput
from bench.scaling.plan import FULL, QUICK, Plan

DOCS = Path(__file__).parents[2] / "docs"
MEASURES: dict[str, Callable[[Plan, Results], None]] = {
    "throughput": throughput.measure,
    "backlog": backlog.measure,
    "hosts": hosts.measure,
    "simulation": simulation.measure,
    "streams": streams.measure,
    "memory": memory.measure,
    "failover": failover.measure,
}


def main() -> None:
    """Run the measures that were asked for."""
    quick = "half a minute: shows that the bench works, no more"
    given = parse_arguments("bench.scaling", "docs/scaling.md", quick, MEASURES)
    results = load_or_measure(given, MEASURES, QUICK if given.quick else FULL)
    for text in report.tables(results):
        print(f"\n{text}")
    if given.write:
        renew_page(DOCS / "scaling.md", report.parts(results))
        plots.draw(results, DOCS / "img")


if __name__ == "__main__":
    main()
