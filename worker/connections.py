"""The connections of one worker process."""

from dataclasses import dataclass

from api_client import OllamaClient
from llamaq.client.blocking.queue import JobQueue
from llamaq.store.clock import Clock
from llamaq.store.connection import connect, connect_binary
from llamaq.store.redis_client import BinaryClient, Client
from worker.host.probe import probe_client
from worker.settings.environment import Settings


@dataclass(frozen=True, slots=True)
class Connections:
    """What is opened once and shared by the parts of a worker.

    Attributes:
        redis: answers in text.
        binary_redis: answers in bytes: images, and what others wrote into the inbox.
        ollama: for attempts, with a connection for each slot.
        probe: for the probe of the same host, which gives up sooner.
        queue: a producer's client, for jobs that come in by other ways than the SDK.
    """

    redis: Client
    binary_redis: BinaryClient
    ollama: OllamaClient
    probe: OllamaClient
    queue: JobQueue

    @classmethod
    def open(cls, config: Settings, clock: Clock) -> "Connections":
        """The connections that the settings name. Each connects on its first use."""
        return cls(
            redis=connect(config.redis_url),
            binary_redis=connect_binary(config.redis_url),
            ollama=OllamaClient(
                config.ollama_url,
                slots=config.slots * config.max_models,
                token=config.ollama_token.get_secret_value() if config.ollama_token else None,
                ca_file=config.ollama_ca_file,
            ),
            probe=probe_client(config),
            queue=JobQueue(config.redis_url, settings=config.producer, clock=clock),
        )

    def abort(self) -> None:
        """End every request to Ollama, whatever it waits for. Later ones fail."""
        self.ollama.close()
        self.probe.close()

    def close(self) -> None:
        """Close the connections to Redis."""
        self.queue.close()
        self.binary_redis.close()
        self.redis.close()
