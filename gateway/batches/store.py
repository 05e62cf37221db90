"""Files and batches in Redis."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Literal, TypeVar

from gateway.access.caller import Caller
from gateway.batches.batch import Batch
from gateway.batches.file import File
from gateway.http.errors import GatewayError
from llamaq.client.aio.connection import AsyncConnection
from llamaq.store.answers import Answer, read_rows
from llamaq.store.arguments import Arguments
from llamaq.store.batches.batch_scripts import FileDelete
from llamaq.store.redis_errors import translate_parse_errors
from llamaq.store.script_drivers import unwrap
from llamaq.store.script_runs import Call

T = TypeVar("T", File, Batch)
AT_A_TIME = 64
"""Pieces, or records of a list, that are read in one round trip."""
UPLOAD_SECONDS = 600
"""For so long pieces are kept without the rest of their file."""


class BatchStore:
    """What the gateway keeps of files and batches, for all of its processes."""

    def __init__(self, connection: AsyncConnection, most_bytes: int) -> None:
        """Make it. `most_bytes` bounds the files of one tenant together."""
        self._connection = connection
        self.keys = connection.settings.keys
        self.ttl = connection.settings.result_ttl
        self.most_bytes = most_bytes

    async def run(self, arguments: Arguments) -> Answer:
        """Run a script."""
        return await self._connection.run(Call(self.keys.prefix, arguments))

    async def ask(self, commands: Sequence[Sequence[str | int]]) -> list[Any]:
        """Send commands that read, in one round trip."""
        async with self._connection.query() as redis:
            return [unwrap(reply) for reply in await redis.execute_all(commands)]

    async def load_file(self, caller: Caller, file_id: str, param: str | None = None) -> File:
        """Load a file of the caller's tenant.

        Raises:
            GatewayError: 404: there is none.
        """
        (record,) = await self.ask([["HGETALL", self.keys.file(file_id)]])
        if not record or not caller.may_see(record.get("tenant")):
            raise not_found("file", file_id, param)
        with translate_parse_errors(self._connection.url):
            return File.of(file_id, record)

    async def load_batch(self, caller: Caller, batch_id: str) -> Batch:
        """Load a batch of the caller's tenant.

        Raises:
            GatewayError: 404: there is none.
        """
        (record,) = await self.ask([["HGETALL", self.keys.batch(batch_id)]])
        if not record or not caller.may_see(record.get("tenant")):
            raise not_found("batch", batch_id)
        with translate_parse_errors(self._connection.url):
            return Batch.of(batch_id, record)

    async def find_batch(self, batch_id: str) -> Batch | None:
        """Find a batch of any tenant; None where there is none.

        Raises:
            ValueError, LookupError: something else has written over its record.
        """
        (record,) = await self.ask([["HGETALL", self.keys.batch(batch_id)]])
        return Batch.of(batch_id, record) if record else None

    async def keep_pieces(self, file_id: str, first: int, pieces: Sequence[str]) -> None:
        """Keep pieces of a file that is being uploaded."""
        key = self.keys.pieces(file_id)
        numbered = [part for number, text in enumerate(pieces, first) for part in (str(number), text)]
        async with self._connection.verb() as redis:
            for reply in await redis.execute_all([["HSET", key, *numbered], ["EXPIRE", key, UPLOAD_SECONDS]]):
                unwrap(reply)

    async def drop_pieces(self, file_id: str) -> None:
        """Drop the pieces of a file that was not uploaded."""
        async with self._connection.verb() as redis:
            await redis.execute_command("DEL", self.keys.pieces(file_id))

    async def delete(self, file: File) -> None:
        """Delete a file.

        Raises:
            GatewayError: 409: a batch reads it.
        """
        answer = await self.run(FileDelete(id=file.id, tenant=file.tenant))
        if answer.word == "BUSY":
            what = f"the batch {answer.text('batch')} reads it; cancel that first"
            raise GatewayError(409, "file_in_use", what)

    async def read_pieces(self, file_id: str, last: int) -> AsyncIterator[str]:
        """Read the text of a file, in its pieces."""
        for first in range(0, last + 1, AT_A_TIME):
            numbers = [str(number) for number in range(first, min(first + AT_A_TIME, last + 1))]
            (found,) = await self.ask([["HMGET", self.keys.pieces(file_id), *numbers]])
            for text in found:
                if text is not None:
                    yield text

    async def list_files(self, tenant: str, order: Literal["asc", "desc"], after: str | None) -> AsyncIterator[File]:
        """List a tenant's files, those behind the one with the id `after`."""
        async for file in self._read_list(self.keys.files(tenant), self.keys.file, File.of, order, after):
            yield file

    async def list_batches(self, tenant: str, after: str | None) -> AsyncIterator[Batch]:
        """List a tenant's batches, the newest first, behind the one with the id `after`."""
        async for batch in self._read_list(self.keys.batches(tenant), self.keys.batch, Batch.of, "desc", after):
            yield batch

    async def find_known_lines(self, batch: Batch, numbers: Iterable[int]) -> set[int]:
        """Find those of the lines that have an outcome."""
        wanted = list(numbers)
        files = [self.keys.pieces(batch.record[name]) for name in ("output", "errors")]
        found = await self.ask([["HEXISTS", file, number] for number in wanted for file in files])
        return {number for index, number in enumerate(wanted) if any(found[2 * index : 2 * index + 2])}

    async def _read_list(
        self,
        index: str,
        key_of: Callable[[str], str],
        build: Callable[[str, dict[str, str]], T],
        order: Literal["asc", "desc"],
        after: str | None,
    ) -> AsyncIterator[T]:
        start = 0
        if after is not None:
            rank, number = await self.ask([["ZRANK", index, after], ["ZCARD", index]])
            if rank is None:
                raise GatewayError(400, "invalid_value", f"{after[:200]!r} is none of the list", param="after")
            start = rank + 1 if order == "asc" else number - rank
        while True:
            command = "ZRANGE" if order == "asc" else "ZREVRANGE"
            (ids,) = await self.ask([[command, index, start, start + AT_A_TIME - 1]])
            records = await self.ask([["HGETALL", key_of(each)] for each in ids]) if ids else []
            known = ((each, record) for each, record in zip(ids, records, strict=True) if record)
            for found in read_rows(known, build):
                yield found
            if len(ids) < AT_A_TIME:
                return
            start += AT_A_TIME


def not_found(what: str, wrong_id: str, param: str | None = None) -> GatewayError:
    """The error for an id of which the caller has no file or batch."""
    return GatewayError(404, "not_found", f"No such {what}: {wrong_id[:200]}", param=param)
