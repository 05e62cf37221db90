"""Ollama's API."""

from gateway.ollama.not_found import handle_not_found, is_own_path, redirect_doubled_slash
from gateway.ollama.routes import router

__all__ = ["handle_not_found", "is_own_path", "redirect_doubled_slash", "router"]
