"""What a worker makes of a request before a model sees it."""
