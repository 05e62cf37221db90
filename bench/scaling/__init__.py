"""Measures how far the service scales, and the limit of one Redis: `python -m bench.scaling`."""
