"""The common command line of the benches: the measures, a file of results, and whether to write the page."""

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from bench.figures import machine
from bench.figures.results import Results

P = TypeVar("P")


def parse_arguments(module: str, page: str, quick: str, measures: Mapping[str, object]) -> argparse.Namespace:
    """Parse the arguments; `page` is the file that `--write` renews, `quick` the help of `--quick`."""
    parser = argparse.ArgumentParser(prog=f"python3 run.py {module.replace('.', ' ')}")
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--only", action="append", choices=list(measures), help="may be given more than once")
    parser.add_argument("--write", action="store_true", help=f"renew {page} and its plots")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep what was measured, as JSON")
    parser.add_argument("--load", type=Path, metavar="FILE", help="take it from there instead of measuring")
    given = parser.parse_args()
    if given.write and (given.only or given.quick):
        parser.error("--write needs a full run")
    return given


def load_or_measure(
    given: argparse.Namespace, measures: Mapping[str, Callable[[P, Results], None]], plan: P
) -> Results:
    """Load the results, or measure them now; save them on demand."""
    results = Results.load(given.load) if given.load else _measure(given.only, measures, plan)
    if given.save:
        results.save(given.save)
    return results


def _measure(only: list[str] | None, measures: Mapping[str, Callable[[P, Results], None]], plan: P) -> Results:
    results = Results(about=machine.describe())
    for name, measure in measures.items():
        if only is None or name in only:
            began = time.monotonic()
            print(f"{name} ...", end=" ", flush=True)
            measure(plan, results)
            print(f"{time.monotonic() - began:.0f} s", flush=True)
    results.about["load_at_end"] = machine.load()
    return results
