"""`python3 run.py bench extraction`: draw values out of all pairs; --write renews the table in docs/extraction.md."""

import argparse
from pathlib import Path

from bench.extraction import report
from bench.extraction.runs import run_model, run_scripted
from bench.figures import machine
from bench.figures.page import renew_page

DOCUMENT = Path(__file__).parents[2] / "docs" / "extraction.md"


def main() -> None:
    """Run both, and print the table."""
    parser = argparse.ArgumentParser(prog="python3 run.py bench extraction", description=__doc__)
    parser.add_argument("--write", action="store_true", help="renew the table in docs/extraction.md")
    given = parser.parse_args()
    print("scripted answers ...", flush=True)
    scripted = run_scripted()
    print("the embedded model, some minutes ...", flush=True)
    text = report.render_table(run_model(), scripted, machine.describe())
    print(text)
    if given.write:
        renew_page(DOCUMENT, {"pairs": text})


if __name__ == "__main__":
    main()
