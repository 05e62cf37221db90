"""OpenAI's API: chat completions, completions, embeddings and models."""

from gateway.openai.routes import router

__all__ = ["router"]
