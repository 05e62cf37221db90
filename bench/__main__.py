"""`python3 run.py bench`: measure, print the tables, and with --write renew docs/performance.md."""

from pathlib import Path

from bench.command import load_or_measure, parse_arguments
from bench.figures import plots, report
from bench.figures.page import renew_page
from bench.measures import MEASURES
from bench.plan import FULL, QUICK

DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    """Run the measures that were asked for."""
    quick = "under a minute: shows that the bench works, no more"
    given = parse_arguments("bench", "docs/performance.md", quick, MEASURES)
    results = load_or_measure(given, MEASURES, QUICK if given.quick else FULL)
    for text in (
        report.table(results),
        report.peers(results),
        report.spreads(results),
        *([] if given.quick else [report.misses(results)]),
    ):
        print(f"\n{text}")
    if given.write:
        renew_page(DOCS / "performance.md", report.parts(results))
        plots.draw(results, DOCS / "img")


if __name__ == "__main__":
    main()
