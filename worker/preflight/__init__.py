"""`python -m worker check`: what would keep a worker from working."""
