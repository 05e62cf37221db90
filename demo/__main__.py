"""`run.py demo` runs the demo."""

import signal
import sys

from llamaq.importing import quick_imports

if __name__ == "__main__":
    with quick_imports():
        from demo.run import main
    # SIGTERM ends the demo and its services, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
