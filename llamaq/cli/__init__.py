"""The command line `llamaq`: the SDK for a shell and its scripts."""

from llamaq.cli.app import main

__all__ = ["main"]
