"""`python -m worker.shell RUN.PY [WORD ...]`: the command line as run.py starts it; Ctrl-C counts from the start."""

import shlex
import sys

from worker.early import interruptible

if __name__ == "__main__":
    with interruptible():
        from llamaq.cli import main
    sys.exit(main(sys.argv[2:], program=f"python3 {shlex.quote(sys.argv[1])} llamaq"))
