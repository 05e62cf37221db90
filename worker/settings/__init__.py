"""The settings of a worker, read from the environment."""
