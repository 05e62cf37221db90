"""One attempt: its context, its request to Ollama, its result, and what a failure means."""
