"""A chaos run: real workers, hosts and a Redis under traffic and random faults; then the promises are checked."""
