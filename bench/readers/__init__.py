"""The readers of the streams that are measured."""
