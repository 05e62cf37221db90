"""Files and batches of one prefix, by the calls of the store."""

import json
from collections.abc import Sequence
from typing import Any

import redis

from llamaq.store.answers import Answer
from llamaq.store.arguments import Arguments
from llamaq.store.batches.batch_scripts import (
    BatchCancel,
    BatchCreate,
    BatchHold,
    BatchLine,
    BatchSet,
    BatchTake,
    FileDelete,
    FileStore,
)
from llamaq.store.connections.clients import connect
from llamaq.store.keys import Keys
from llamaq.store.script_drivers import run
from llamaq.store.script_runs import Call

TENANT = "acme"


class World:
    """Calls by their least arguments.

    Attributes:
        redis: a plain client.
    """

    def __init__(self, url: str, prefix: str) -> None:
        self.prefix = prefix
        self.keys = Keys(prefix)
        self.redis: Any = redis.Redis.from_url(url, decode_responses=True)
        self._client = connect(url)

    def run(self, arguments: Arguments) -> Answer:
        return run(self._client, Call(self.prefix, arguments))

    def store(self, name: str, pieces: Sequence[str] = ("{}\n",), *, tenant: str = TENANT, **given: Any) -> Answer:
        """A file of these pieces."""
        if pieces:
            self.redis.hset(self.keys.pieces(name), mapping={str(n): text for n, text in enumerate(pieces)})
            self.redis.expire(self.keys.pieces(name), 60)
        asked = {"filename": "in.jsonl", "purpose": "batch", "ttl": 100, "most_bytes": 0, **given}
        size = sum(map(len, pieces))
        return self.run(FileStore(id=name, tenant=tenant, bytes=size, pieces=len(pieces) - 1, **asked))

    def delete(self, name: str, tenant: str = TENANT) -> Answer:
        return self.run(FileDelete(id=name, tenant=tenant))

    def create(
        self, batch: str, name: str = "in", *, tenant: str = TENANT, seconds: int = 1000, ttl: int = 100
    ) -> Answer:
        return self.run(
            BatchCreate(
                id=batch,
                tenant=tenant,
                input=name,
                endpoint="/v1/embeddings",
                window="24h",
                seconds=seconds,
                metadata="{}",
                caller='{"name": "k", "tenant": "acme", "models": []}',
                output=f"{batch}-out",
                errors=f"{batch}-err",
                ttl=ttl,
            )
        )

    def take(self, owner: str, seconds: float = 10) -> str | None:
        """The batch that this owner gets."""
        return self.run(BatchTake(owner=owner, lease_seconds=seconds)).optional("id")

    def hold(self, batch: str, owner: str, seconds: float = 10) -> Answer:
        return self.run(BatchHold(id=batch, owner=owner, lease_seconds=seconds))

    def set(self, batch: str, owner: str, status: str, *, ended: bool = False, **changes: str) -> Answer:
        stamp = f"{status}_at"
        asked: dict[str, Any] = {
            "status": status,
            "stamp": stamp,
            "changes": json.dumps(changes),
            "ended": int(ended),
            "ttl": 100,
        }
        return self.run(BatchSet(id=batch, owner=owner, **asked))

    def line(self, batch: str, owner: str, number: int, file: str = "output", *, most: int = 1000) -> str:
        line: dict[str, Any] = {
            "number": number,
            "file": file,
            "text": f"line {number}\n",
            "input_tokens": 2,
            "output_tokens": 3,
        }
        return self.run(BatchLine(id=batch, owner=owner, most_bytes=most, **line)).word

    def cancel(self, batch: str, tenant: str = TENANT) -> Answer:
        return self.run(BatchCancel(id=batch, tenant=tenant))

    def record(self, batch: str) -> dict[str, str]:
        found: dict[str, str] = self.redis.hgetall(self.keys.batch(batch))
        return found

    def lease_expires(self, batch: str) -> None:
        """As if the holder had been silent for long."""
        self.redis.zadd(f"{self.prefix}:batches", {batch: 1}, xx=True)

    def close(self) -> None:
        self.redis.close()
        self._client.close()
