"""Reads many streams in a process of its own: `python -m bench.consumer <path> <streams> <addresses>`.

Says `ready`, waits for a line, has the streams, and prints what it saw as JSON.
"""

import json
import sys
import time

from bench.paths import READERS, Addresses
from bench.readers.arrivals import Arrivals


def main(name: str, streams: int, addresses: Addresses) -> None:
    """Run one path."""
    path = READERS[name](addresses)
    arrivals = Arrivals()
    print("ready", flush=True)
    sys.stdin.readline()
    began, used = time.time_ns(), time.process_time()
    path.stream(streams, arrivals)
    used = time.process_time() - used
    path.close()
    seconds = (arrivals.last - began) / 1e9
    print(json.dumps({"latencies": arrivals.latencies, "seconds": seconds, "cpu_seconds": used}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Addresses(*sys.argv[3:]))
