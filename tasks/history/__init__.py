"""Turns of a kept conversation, and how much of its history a model is given."""
