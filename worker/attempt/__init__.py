"""One attempt in the worker: executed, written down, timed."""
