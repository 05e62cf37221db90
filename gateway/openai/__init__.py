"""OpenAI's API: chat completions, completions, embeddings and models, as jobs of the queue.

What a request asks for is read by `chat`, `completions` and `embeddings` into an `Asked` (`asked.py`), without any I/O:
the job to submit, and the form of its answer. The same objects serve the lines of a batch.
"""

from gateway.openai.routes import router

__all__ = ["router"]
