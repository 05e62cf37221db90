"""The tutorial's task for dramatiq: requests, one PUBLISH for a token. `dramatiq dramatiq_task` runs it."""

import json
import os
from importlib import import_module
from typing import Any

REDIS_URL, OLLAMA_URL = os.environ["PEER_REDIS_URL"], os.environ["PEER_OLLAMA_URL"]
TIMEOUT_SECONDS = 600

dramatiq: Any = import_module("dramatiq")
broker: Any = import_module("dramatiq.brokers.redis").RedisBroker(url=REDIS_URL)
tokens: Any = import_module("redis").Redis.from_url(REDIS_URL)
requests: Any = import_module("requests")


def generate(answer_id: str, model: str, prompt: str) -> None:
    """Stream an answer to its channel."""
    body = {"model": model, "prompt": prompt}
    with requests.post(f"{OLLAMA_URL}/api/generate", json=body, stream=True, timeout=TIMEOUT_SECONDS) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            if line:
                token = json.loads(line)["response"]
                if token:
                    tokens.publish(f"tokens:{answer_id}", token)
    tokens.publish(f"tokens:{answer_id}", "[DONE]")


dramatiq.set_broker(broker)
dramatiq.actor(generate, actor_name="generate", broker=broker)
