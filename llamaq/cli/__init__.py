"""The command line `llamaq`: what the SDK does, for a shell and its scripts."""

from llamaq.cli.app import main

__all__ = ["main"]
