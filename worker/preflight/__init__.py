"""`python -m worker check`: the checks before a worker is started."""
