"""`python3 run.py bench gateway`: measure, print the tables, and with --write renew docs/gateway-performance.md."""

from collections.abc import Callable
from pathlib import Path

from bench.command import load_or_measure, parse_arguments
from bench.figures.page import renew_page
from bench.figures.results import Results
from bench.gateway import measures, report
from bench.gateway.plan import FULL, QUICK, Plan

PAGE = Path(__file__).parents[2] / "docs" / "gateway-performance.md"
MEASURES: dict[str, Callable[[Plan, Results], None]] = {
    "first_token": measures.first_token,
    "streams": measures.streams,
    "short": measures.short,
    "crowd": measures.crowd,
}


def main() -> None:
    """Run the measures that were asked for."""
    quick = "under a minute: shows that the bench works, no more; without other proxies"
    given = parse_arguments("bench gateway", "docs/gateway-performance.md", quick, MEASURES)
    results = load_or_measure(given, MEASURES, QUICK if given.quick else FULL)
    for text in report.tables(results):
        print(f"\n{text}")
    if given.write:
        renew_page(PAGE, report.parts(results))


if __name__ == "__main__":
    main()
