"""Which handler serves which path."""

from tornado.web import RequestHandler

from embedded.ollama.catalogue import Processes, Pull, Root, Show, Tags, Version
from embedded.ollama.embedding import Embed, Embeddings
from embedded.ollama.generation import Chat, Generate

ROUTES: list[tuple[str, type[RequestHandler]]] = [
    ("/", Root),
    ("/api/version", Version),
    ("/api/tags", Tags),
    ("/api/ps", Processes),
    ("/api/show", Show),
    ("/api/pull", Pull),
    ("/api/generate", Generate),
    ("/api/chat", Chat),
    ("/api/embed", Embed),
    ("/api/embeddings", Embeddings),
]
