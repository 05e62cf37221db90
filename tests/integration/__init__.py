"""One worker in front of one host."""
