"""The demo: the whole service on this machine, with real parts. `python3 run.py demo` starts it."""
