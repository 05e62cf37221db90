"""Flower with a login, read-only, and without prompts and results."""
