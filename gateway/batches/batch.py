"""A batch, as it is kept and as OpenAI shows it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gateway.access.caller import Caller
from gateway.batches.file import RESULTS
from llamaq.store.batches.batch_scripts import FileStore
from llamaq.vocabulary.wire import JsonObject, dumps

_FILES = ("output", "errors")
_TIMES = ("in_progress_at", "finalizing_at", "completed_at", "failed_at", "expired_at", "cancelling_at", "cancelled_at")


@dataclass(frozen=True, slots=True)
class Batch:
    """The record of a batch.

    Attributes:
        record: its fields in Redis.
    """

    id: str
    record: Mapping[str, str]

    @classmethod
    def of(cls, batch_id: str, record: Mapping[str, str]) -> "Batch":
        """The batch of a record in Redis.

        Raises:
            ValueError, LookupError: something else has written over it.
        """
        batch = cls(batch_id, record)
        try:  # all that is read of it, so that no later step meets a field that is missing or of another form
            _ = batch.tenant, batch.caller, batch.render(), [batch.number(f"{name}_bytes") for name in _FILES]
        except (TypeError, AttributeError) as error:
            raise ValueError(f"JSON of another form ({error})") from None
        return batch

    @property
    def tenant(self) -> str:
        """The tenant that it belongs to."""
        return self.record["tenant"]

    @property
    def status(self) -> str:
        """One of OpenAI's statuses of a batch."""
        return self.record["status"]

    @property
    def input(self) -> str:
        """The id of the file with its lines."""
        return self.record["input"]

    @property
    def endpoint(self) -> str:
        """The endpoint that its lines are for."""
        return self.record["endpoint"]

    @property
    def expires_at(self) -> int:
        """When it expires, in Unix seconds."""
        return int(self.record["expires_at"])

    @property
    def caller(self) -> Caller:
        """The caller for whom its lines are submitted."""
        given: dict[str, Any] = json.loads(self.record["caller"])
        return Caller(**{**given, "models": tuple(given["models"])})

    def number(self, name: str) -> int:
        """A count of its record: `total`, `completed`, `failed`, `output_bytes`, `errors_bytes`."""
        return int(self.record[name])

    def result_file(self, name: str, ttl: int) -> FileStore:
        """The call that makes a file of the written lines. `BatchLine` has bounded their bytes already."""
        return FileStore(
            id=self.record[name],
            tenant=self.tenant,
            filename=f"{self.id}_{name}.jsonl",
            purpose=RESULTS,
            bytes=self.number(f"{name}_bytes"),
            pieces=self.number("last_line"),
            ttl=ttl,
            most_bytes=0,
        )

    def render(self) -> JsonObject:
        """Render the batch as OpenAI's object."""
        problems = json.loads(self.record.get("problems", "[]"))
        tokens = [self.number(name) for name in ("input_tokens", "output_tokens")]
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "errors": {"object": "list", "data": problems} if problems else None,
            "input_file_id": self.input,
            "completion_window": self.record["window"],
            "status": self.status,
            "output_file_id": self.record.get("output_file_id") or None,
            "error_file_id": self.record.get("error_file_id") or None,
            "created_at": int(self.record["created_at"]),
            "expires_at": self.expires_at,
            **{name: int(self.record[name]) if name in self.record else None for name in _TIMES},
            "request_counts": {name: self.number(name) for name in ("total", "completed", "failed")},
            "usage": {
                "input_tokens": tokens[0],
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": tokens[1],
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": sum(tokens),
            },
            "metadata": json.loads(self.record["metadata"]),
        }


def encode_caller(caller: Caller) -> str:
    """Encode a caller as text, for the field `caller` of the record."""
    return dumps(asdict(caller))
