"""What is made from other files of the checkout, by `python3 run.py generate`; `run.py lint` compares."""
