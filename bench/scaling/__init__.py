"""Measures how far the service scales, and what one Redis bears: `python -m bench.scaling`."""
