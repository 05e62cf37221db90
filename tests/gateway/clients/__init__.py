"""Clients of Ollama's and OpenAI's APIs, as their users install them, against a running gateway."""
