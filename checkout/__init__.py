"""What `run.py` is made of: the venv, pip and the line of progress. Standard library only: nothing is installed yet."""
