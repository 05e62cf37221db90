"""The scripts of files and batches, with their arguments. The head of each Lua file says what they mean."""

from dataclasses import dataclass
from typing import ClassVar

from llamaq.store.arguments import Arguments


@dataclass(kw_only=True)
class FileStore(Arguments):
    """Makes a file of pieces that are there already."""

    verb: ClassVar = "file_store"
    id: str
    tenant: str
    filename: str
    purpose: str
    bytes: int
    pieces: int
    ttl: int
    most_bytes: int


@dataclass(kw_only=True)
class FileDelete(Arguments):
    """Deletes a file."""

    verb: ClassVar = "file_delete"
    id: str
    tenant: str


@dataclass(kw_only=True)
class BatchCreate(Arguments):
    """Accepts a batch."""

    verb: ClassVar = "batch_create"
    id: str
    tenant: str
    input: str
    endpoint: str
    window: str
    seconds: int
    metadata: str
    caller: str
    output: str
    errors: str
    ttl: int


@dataclass(kw_only=True)
class BatchTake(Arguments):
    """Takes a batch that nobody holds."""

    verb: ClassVar = "batch_take"
    owner: str
    lease_seconds: float


@dataclass(kw_only=True)
class BatchHold(Arguments):
    """Renews the lease of a batch, or gives it back."""

    verb: ClassVar = "batch_hold"
    id: str
    owner: str
    lease_seconds: float


@dataclass(kw_only=True)
class BatchSet(Arguments):
    """Moves a batch on to its next status."""

    verb: ClassVar = "batch_set"
    id: str
    owner: str
    status: str
    stamp: str
    changes: str
    ended: int
    ttl: int


@dataclass(kw_only=True)
class BatchLine(Arguments):
    """Writes the outcome of one line, once."""

    verb: ClassVar = "batch_line"
    id: str
    owner: str
    number: int
    file: str
    text: str
    input_tokens: int
    output_tokens: int
    most_bytes: int


@dataclass(kw_only=True)
class BatchCancel(Arguments):
    """Cancels a batch."""

    verb: ClassVar = "batch_cancel"
    id: str
    tenant: str


BATCH_SCRIPTS: tuple[type[Arguments], ...] = (
    FileStore,
    FileDelete,
    BatchCreate,
    BatchTake,
    BatchHold,
    BatchSet,
    BatchLine,
    BatchCancel,
)
