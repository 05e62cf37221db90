"""The threads of a worker: each runs one duty, and one supervisor runs them all."""
