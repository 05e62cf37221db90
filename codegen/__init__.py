"""Generates files from other files of the checkout (`python3 run.py generate`); `run.py lint` checks them."""
