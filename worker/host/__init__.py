"""The Ollama host of a worker: its probe and its inventory of models."""
