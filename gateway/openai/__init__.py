"""OpenAI's API: chat completions, completions, embeddings and models, as jobs of the queue.

`chat`, `completions` and `embeddings` read a request into a `ParsedRequest`, without any I/O: the job to submit, and
the form of its answer. The lines of a batch are read in the same way.
"""

from gateway.openai.routes import router

__all__ = ["router"]
