"""The command line `llamaq`: the SDK for a shell and its scripts."""
