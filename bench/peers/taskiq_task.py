"""The tutorial's task for taskiq: aiohttp, one PUBLISH for a token. `taskiq worker taskiq_task:broker` runs it."""

import json
import os
from importlib import import_module
from typing import Any

REDIS_URL, OLLAMA_URL = os.environ["PEER_REDIS_URL"], os.environ["PEER_OLLAMA_URL"]
TIMEOUT_SECONDS = 600

broker: Any = import_module("taskiq_redis").ListQueueBroker(REDIS_URL)
tokens: Any = import_module("redis.asyncio").Redis.from_url(REDIS_URL)
aiohttp: Any = import_module("aiohttp")
_sessions: list[Any] = []


async def generate(answer_id: str, model: str, prompt: str) -> None:
    """Stream an answer to its channel."""
    if not _sessions:  # one for all tasks, which aiohttp makes in a running loop alone
        connector = aiohttp.TCPConnector(limit=0)
        _sessions.append(aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(TIMEOUT_SECONDS)))
    body = {"model": model, "prompt": prompt}
    async with _sessions[0].post(f"{OLLAMA_URL}/api/generate", json=body) as response:
        response.raise_for_status()
        async for line in response.content:
            token = json.loads(line)["response"]
            if token:
                await tokens.publish(f"tokens:{answer_id}", token)
    await tokens.publish(f"tokens:{answer_id}", "[DONE]")


broker.register_task(generate, task_name="generate")
