"""How often an extraction's answer is valid: at once, and after repairs. `python -m bench.extraction --write`."""
