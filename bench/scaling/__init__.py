"""Measures how far the service scales, and the limit of one Redis: `python3 run.py bench scaling`."""
