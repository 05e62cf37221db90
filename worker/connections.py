"""The connections of one worker process."""

from dataclasses import dataclass

from api_client import OllamaClient
from api_client.body.body_reader import BodyReader
from llamaq.client.blocking.operations import Operations
from llamaq.store.clock import Clock
from llamaq.store.connections.clients import connect, connect_binary
from llamaq.store.redis_client import BinaryClient, Client
from worker.host.ollama_client import ollama_client
from worker.settings.environment import Settings

PROBE_CONNECT_SECONDS = 2.0
"""Shorter than for jobs, so that a host that is back is seen within a second or two."""

BINARY_SECONDS = 9.0
"""A third of it, the time of a try, is longer than the inbox waits for an entry."""


@dataclass(frozen=True, slots=True)
class Connections:
    """The connections that the parts of a worker share.

    Attributes:
        redis: answers in text.
        binary_redis: answers in bytes, for images and for the inbox.
        ollama: for attempts, with a connection for each slot.
        probe: for the probe of the same host.
        queue: a producer's client, for requests that come by task name or through the inbox.
    """

    redis: Client
    binary_redis: BinaryClient
    ollama: OllamaClient
    probe: OllamaClient
    queue: Operations  # a `JobQueue` has more, which takes 6 MB

    @classmethod
    def open(cls, config: Settings, clock: Clock, reader: BodyReader) -> "Connections":
        """Create the connections that the settings name. Each connects on its first use; `reader` reads the answers."""
        ollama = ollama_client(config, slots=config.slots * config.max_models)
        ollama.read_with(reader)
        return cls(
            redis=connect(config.redis_url, limit_seconds=config.redis_seconds),
            binary_redis=connect_binary(config.redis_url, limit_seconds=BINARY_SECONDS),
            ollama=ollama,
            probe=ollama_client(config, connect_timeout_seconds=PROBE_CONNECT_SECONDS, retries=1),
            queue=Operations(config.redis_url, settings=config.producer, clock=clock),
        )

    def abort(self) -> None:
        """Abort every request to Ollama. Later requests fail."""
        self.ollama.close()
        self.probe.close()

    def close(self) -> None:
        """Close the connections to Redis."""
        self.queue.close()
        self.binary_redis.close()
        self.redis.close()
