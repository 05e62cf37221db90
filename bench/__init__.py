"""Measures the service side by side with the direct call and with the task of the tutorials: `python3 run.py bench`."""
