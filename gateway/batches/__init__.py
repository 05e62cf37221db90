"""OpenAI's files and batches."""

from gateway.batches.routes import router

__all__ = ["router"]
