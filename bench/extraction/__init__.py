"""How often an extraction's answer is valid: at once, and after repairs. `python3 run.py bench extraction --write`."""
