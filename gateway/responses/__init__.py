"""OpenAI's responses."""

from gateway.responses.routes import router

__all__ = ["router"]
