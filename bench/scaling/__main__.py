"""`python -m bench.scaling`: measure, print the tables, and with --write renew docs/scaling.md and its plots."""

from collections.abc import Callable
from pathlib import Path

from bench.book import Book
from bench.command import arguments, book_of
from bench.scaling import backlog, failover, hosts, memory, plots, report, streams, throughput
from bench.scaling.plan import FULL, QUICK, Plan

DOCS = Path(__file__).parents[2] / "docs"
MEASURES: dict[str, Callable[[Plan, Book], None]] = {
    "throughput": throughput.measure,
    "backlog": backlog.measure,
    "hosts": hosts.measure,
    "streams": streams.measure,
    "memory": memory.measure,
    "failover": failover.measure,
}


def main() -> None:
    """Run the measures that were asked for."""
    quick = "half a minute: shows that the bench works, no more"
    given = arguments("bench.scaling", "docs/scaling.md", quick, MEASURES)
    book = book_of(given, MEASURES, QUICK if given.quick else FULL)
    for text in report.tables(book):
        print(f"\n{text}")
    if given.write:
        (DOCS / "scaling.md").write_text(report.document(book))
        plots.draw(book, DOCS / "img")


if __name__ == "__main__":
    main()
