"""The words that start the command line here, for what is printed to be copied."""

import click


def program() -> str:
    """`llamaq`, unless it was started by another program's way, as `python3 run.py llamaq`."""
    context = click.get_current_context(silent=True)
    return (context.find_root().info_name if context else None) or "llamaq"
