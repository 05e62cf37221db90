"""Redis and Ollama for a machine that has neither. `run.py demo` and the tests start them; the service does not."""
