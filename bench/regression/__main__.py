"""`python3 run.py bench regression`: a minute of ratios, beside the last recorded run. It never fails.

What moved by more than the noise is marked. `--write` records this run, as its author does where a change is meant to
move a figure. Ratios can be compared between machines as far as their parts slow down alike.
"""

import argparse
import json
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType

from bench.figures import machine
from bench.figures.results import Results
from bench.measures import first_token, streams, submit
from bench.plan import Plan
from bench.regression.ratios import compute_ratios, report

RECORDED = Path(__file__).parent / "recorded.json"
MOST_SECONDS = 90
PLAN = Plan(rounds=3, streams=24, tokens=50, firsts=10, submits=150, many=600, peers=False)


def main() -> None:
    """Measure, compare, and record on demand."""
    parser = argparse.ArgumentParser(prog="python3 run.py bench regression")
    parser.add_argument("--write", action="store_true", help=f"record this run in {RECORDED.name}")
    given = parser.parse_args()
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(MOST_SECONDS)
    try:
        _compare(write=given.write)
    except Exception:  # noqa: BLE001 - whatever it is, it is told, and the checks of a change go on
        traceback.print_exc(file=sys.stdout)
        print("not compared: see above")
    finally:
        signal.alarm(0)


def _compare(*, write: bool) -> None:
    results = Results(about=machine.describe())
    for measure in (first_token.measure, streams.measure, submit.measure):
        measure(PLAN, results)
    now, recorded = compute_ratios(results), json.loads(RECORDED.read_text())
    print(f"median of the rounds (least to most); recorded on {recorded['about']['day']}")
    print("\n".join(report(now, recorded["ratios"])))
    if write:
        RECORDED.write_text(json.dumps({"about": results.about, "ratios": now}, indent=1) + "\n")


def _too_long(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"it took more than {MOST_SECONDS} s")


if __name__ == "__main__":
    main()
