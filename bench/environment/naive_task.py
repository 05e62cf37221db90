"""The task that llamaq is compared with: it streams from Ollama as tutorials of Celery show it.

One `requests.post(stream=True)` for a task, one PUBLISH for a token, the whole text into Celery's result backend.
`celery -A bench.environment.naive_task worker -P threads` runs it.
"""

import json
import os

import redis
import requests
from celery import Celery

REDIS_URL = os.environ.get("NAIVE_REDIS_URL", "redis://127.0.0.1:6379/0")
OLLAMA_URL = os.environ.get("NAIVE_OLLAMA_URL", "http://127.0.0.1:11434")
END = "[DONE]"

app = Celery("naive", broker=REDIS_URL, backend=REDIS_URL)
tokens = redis.Redis.from_url(REDIS_URL)


def channel(task_id: str) -> str:
    """The channel on which a task's tokens are published."""
    return f"tokens:{task_id}"


@app.task(name="naive.generate", bind=True)  # type: ignore[untyped-decorator]  # Celery has no types
def generate(self: object, model: str, prompt: str) -> str:
    """Stream an answer to the task's channel, and return it whole."""
    to = channel(self.request.id)  # type: ignore[attr-defined]  # as above
    answer = ""
    body = {"model": model, "prompt": prompt}
    with requests.post(f"{OLLAMA_URL}/api/generate", json=body, stream=True, timeout=600) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            if line:
                token = json.loads(line)["response"]
                if token:
                    answer += token
                    tokens.publish(to, token)
    tokens.publish(to, END)
    return answer
