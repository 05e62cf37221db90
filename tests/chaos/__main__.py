"""`run.py chaos --seconds N --seed S`: 0 when every promise was kept, 1 when one was broken."""

import argparse
import sys
from pathlib import Path

from llamaq.settings.numerals import parse_number, parse_whole
from llamaq.store.clock import SYSTEM
from tests.chaos import report
from tests.chaos.run import run


def main() -> int:
    """Run, and print the figures."""
    parser = argparse.ArgumentParser(prog="python3 run.py chaos", description=__doc__)
    parser.add_argument("--seconds", type=parse_number, default=60)
    parser.add_argument("--seed", type=parse_whole, help="repeats a run's traffic and faults; the timing stays its own")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/reliability.md")
    parser.add_argument("--logs", type=Path, help="a folder to keep the logs of the workers in")
    arguments = parser.parse_args()
    seed = int(SYSTEM.random() * 1_000_000) if arguments.seed is None else arguments.seed
    again = f"python3 run.py chaos --seconds {arguments.seconds:g} --seed {seed}"
    _say(again)
    done = run(arguments.seconds, seed, arguments.logs)
    _say(done.render_table())
    for breach in done.findings.breaches:
        _say(f"BROKEN: {breach}")
    if done.findings.breaches:
        _say(f"again: {again}")
        return 1
    if arguments.write:
        report.write(done.render_table(), again)
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
