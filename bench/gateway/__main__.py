"""`python3 run.py bench gateway`: measure the gateway beside the direct connection and the SDK, and print the table."""

from collections.abc import Callable

from bench.command import arguments, results_of
from bench.figures.results import Results
from bench.gateway import measures, report
from bench.gateway.plan import FULL, QUICK, Plan

MEASURES: dict[str, Callable[[Plan, Results], None]] = {
    "first_token": measures.first_token,
    "streams": measures.streams,
    "short": measures.short,
    "crowd": measures.crowd,
}


def main() -> None:
    """Run the measures that were asked for."""
    quick = "under a minute: shows that the bench works, no more"
    given = arguments("bench.gateway", "docs/performance.md", quick, MEASURES)
    if given.write:
        raise SystemExit("bench.gateway prints its table; it has no page")
    results = results_of(given, MEASURES, QUICK if given.quick else FULL)
    print(f"\n{report.table(results)}")


if __name__ == "__main__":
    main()
