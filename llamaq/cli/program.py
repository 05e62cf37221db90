"""The words that start the command line here, for commands that are printed to be copied."""

import click


def program() -> str:
    """`llamaq`, or the words of another way to start it, such as `python3 run.py llamaq`."""
    context = click.get_current_context(silent=True)
    return (context.find_root().info_name if context else None) or "llamaq"
