"""The HTTP front: the queue for clients that speak Ollama's or OpenAI's API, and jobs over plain HTTP."""
