"""The set-up behind `run.py`: the venv, pip and the progress line. It imports only the standard library."""
