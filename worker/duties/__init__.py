"""The threads of a worker, each with one duty."""
