"""`python -m llamaq.cli.checkout RUN.PY [WORD ...]`: the command line as the run.py of a checkout starts it."""

import shlex
import sys

from llamaq.importing import quick_imports

if __name__ == "__main__":
    with quick_imports():
        from llamaq.cli.app import main
    sys.exit(main(sys.argv[2:], program=f"python3 {shlex.quote(sys.argv[1])} llamaq"))
