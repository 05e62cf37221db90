"""`run.py worker check`: the checks before a worker is started."""
