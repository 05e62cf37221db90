"""`python -m bench.scaling`: measure, print the tables, and with --write renew docs/scaling.md and its plots."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from bench import machine
from bench.book import Book
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
    given = _arguments()
    book = Book.load(given.load) if given.load else _measured(given.only, quick=given.quick)
    if given.save:
        book.save(given.save)
    for text in report.tables(book):
        print(f"\n{text}")
    if given.write:
        (DOCS / "scaling.md").write_text(report.document(book))
        plots.draw(book, DOCS / "img")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="half a minute: shows that the bench works, no more")
    parser.add_argument("--only", action="append", choices=list(MEASURES), help="may be given more than once")
    parser.add_argument("--write", action="store_true", help="renew docs/scaling.md and its plots")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep what was measured, as JSON")
    parser.add_argument("--load", type=Path, metavar="FILE", help="take it from there instead of measuring")
    given = parser.parse_args()
    if given.write and (given.only or given.quick):
        parser.error("--write needs a full run")
    return given


def _measured(only: list[str] | None, *, quick: bool) -> Book:
    book, plan = Book(about=machine.about()), QUICK if quick else FULL
    for name, measure in MEASURES.items():
        if only is None or name in only:
            began = time.monotonic()
            print(f"{name} ...", end=" ", flush=True)
            measure(plan, book)
            print(f"{time.monotonic() - began:.0f} s", flush=True)
    return book


if __name__ == "__main__":
    main()
