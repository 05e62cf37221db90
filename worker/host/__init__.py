"""The Ollama host of a worker: probed and listed."""
