"""`python -m demo` runs the demo."""

import signal
import sys

from worker.early import interruptible

if __name__ == "__main__":
    with interruptible():
        from demo.run import main
    # SIGTERM ends the demo and its services, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
