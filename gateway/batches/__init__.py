"""OpenAI's files and batches.

A batch is kept in Redis, and run by whichever process of the gateway holds its lease (`runner.py`, `run.py`).
"""

from gateway.batches.routes import router

__all__ = ["router"]
