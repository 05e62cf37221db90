"""The files of ops/, each run by its own program."""
