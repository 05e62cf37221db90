"""The settings of a worker: their declaration, and the environment that they are read from."""
