"""Turns of a kept conversation, and the trimming of its history."""
