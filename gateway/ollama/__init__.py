"""Ollama's API."""

from gateway.ollama.routes import router
from gateway.ollama.routing import is_own, undoubled, unserved

__all__ = ["is_own", "router", "undoubled", "unserved"]
