"""Ollama's API."""

from gateway.ollama.routes import router

__all__ = ["router"]
