"""`python -m worker.shell RUN.PY [WORD ...]`: run.py starts the command line with it; Ctrl-C ends the imports too."""

import shlex
import sys

from llamaq.importing import importing

if __name__ == "__main__":
    with importing():
        from llamaq.cli.app import main
    sys.exit(main(sys.argv[2:], program=f"python3 {shlex.quote(sys.argv[1])} llamaq"))
