"""Functions that a model may call (`choice.py`), and calls that it has to make (`forced.py`)."""
