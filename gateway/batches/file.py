"""A file, as it is kept and as OpenAI shows it."""

from collections.abc import Mapping
from dataclasses import dataclass

from llamaq.vocabulary.wire import JsonObject

PURPOSE, RESULTS = "batch", "batch_output"
MOST_PIECES = 2**31


@dataclass(frozen=True, slots=True)
class File:
    """The record of a file.

    Attributes:
        bytes: of its text in UTF-8.
        pieces: the number of the last piece.
    """

    id: str
    tenant: str
    filename: str
    purpose: str
    bytes: int
    pieces: int
    created_at: int
    expires_at: int

    @classmethod
    def of(cls, file_id: str, record: Mapping[str, str]) -> "File":
        """The file of a record in Redis.

        Raises:
            ValueError, LookupError: something else has written over it.
        """
        if int(record["pieces"]) > MOST_PIECES:
            raise ValueError(f"it cannot have {record['pieces']} pieces")
        return cls(
            file_id,
            record["tenant"],
            record["filename"],
            record["purpose"],
            int(record["bytes"]),
            int(record["pieces"]),
            int(record["created_at"]),
            int(record["expires_at"]),
        )

    def render(self) -> JsonObject:
        """Render the file as OpenAI's object."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.bytes,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }
