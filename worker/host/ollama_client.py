"""The client of the worker's Ollama host."""

from typing import Any

from api_client import OllamaClient
from worker.settings.environment import Settings


def ollama_client(config: Settings, **options: Any) -> OllamaClient:
    """A client of the host that the settings name; `options` are those of `OllamaClient`."""
    token = config.ollama_token.get_secret_value() if config.ollama_token else None
    return OllamaClient(config.ollama_url, token=token, ca_file=config.ollama_ca_file, **options)
