"""`python3 run.py bench`: measure, print the tables, and with --write renew docs/performance.md."""

from pathlib import Path

from bench.command import arguments, results_of
from bench.figures import plots, report
from bench.figures.page import renew
from bench.measures import MEASURES
from bench.plan import FULL, QUICK

DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    """Run the measures that were asked for."""
    quick = "under a minute: shows that the bench works, no more"
    given = arguments("bench", "docs/performance.md", quick, MEASURES)
    results = results_of(given, MEASURES, QUICK if given.quick else FULL)
    for text in (
        report.table(results),
        report.peers(results),
        report.spreads(results),
        *([] if given.quick else [report.misses(results)]),
    ):
        print(f"\n{text}")
    if given.write:
        renew(DOCS / "performance.md", report.parts(results))
        plots.draw(results, DOCS / "img")


if __name__ == "__main__":
    main()
