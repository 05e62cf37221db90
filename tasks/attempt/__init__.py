"""One attempt: its services, its request to Ollama, its result, and what a failure means."""
