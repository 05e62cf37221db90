"""Reads the bodies of many answers in one thread."""
