"""One attempt: its context, its request to Ollama, its result, and the meaning of its failures."""
