"""`/v1/files`."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from gateway.access.caller import CurrentCaller
from gateway.batches.file import PURPOSE, File
from gateway.batches.store import BatchStore
from gateway.batches.uploads import split_pieces
from gateway.http.errors import GatewayError
from gateway.http.list_page import read_first_page
from llamaq.settings.numerals import AS_WRITTEN
from llamaq.store.batches.batch_scripts import FileStore
from llamaq.store.clock import SYSTEM

LEAST_SECONDS = 3600
"""The least value of `expires_after[seconds]`, as in OpenAI's API."""
_MOST_DIGITS = 12
_FIELDS = {"file", "purpose", "expires_after[anchor]", "expires_after[seconds]"}
router = APIRouter()


def store_of(request: Request) -> BatchStore:
    """Access to the files and batches, which all processes share."""
    store: BatchStore = request.app.state.batch_store
    return store


@router.post("/v1/files")
async def upload(request: Request, caller: CurrentCaller) -> Response:
    """Keep a file with the lines of a batch."""
    store = store_of(request)
    async with request.form(max_files=1, max_fields=len(_FIELDS)) as form:
        file, ttl = _read_form(form, store.ttl)
        file_id, number = f"file-{SYSTEM.uuid().replace('-', '')}", 0
        size = file.size or 0
        async for piece in split_pieces(file):
            await store.keep_pieces(file_id, number, [piece])
            number += 1
        name = file.filename or "upload.jsonl"
    stored = FileStore(
        id=file_id,
        tenant=caller.tenant,
        filename=name,
        purpose=PURPOSE,
        bytes=size,
        pieces=number - 1,
        ttl=ttl,
        most_bytes=store.most_bytes,
    )
    answer = await store.run(stored)
    if answer.word == "FULL":
        await store.drop_pieces(file_id)
        what = f"your files have {answer.integer('bytes')} bytes, and with this one more than {store.most_bytes} bytes"
        raise GatewayError(413, "files_too_large", f"{what} (LLAMAQ_GATEWAY_MAX_FILE_BYTES): delete some")
    if answer.word != "OK":
        raise GatewayError(408, "upload_too_slow", "the upload took too long; send it again")
    return JSONResponse((await store.load_file(caller, file_id)).render())


@router.get("/v1/files")
async def list_files(
    request: Request,
    caller: CurrentCaller,
    purpose: str | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000), AS_WRITTEN] = 10_000,
    order: Literal["asc", "desc"] = "desc",
    after: str | None = None,
) -> Response:
    """The files of the caller's tenant."""
    files = store_of(request).list_files(caller.tenant, order, after)
    wanted = (file async for file in files if purpose is None or file.purpose == purpose)
    return JSONResponse(await read_first_page(wanted, File.render, limit))


@router.get("/v1/files/{file_id}")
async def retrieve(request: Request, caller: CurrentCaller, file_id: str) -> Response:
    """The record of one file."""
    return JSONResponse((await store_of(request).load_file(caller, file_id)).render())


@router.get("/v1/files/{file_id}/content")
async def content(request: Request, caller: CurrentCaller, file_id: str) -> Response:
    """The text of a file, as it was uploaded or written."""
    store = store_of(request)
    file = await store.load_file(caller, file_id)
    pieces = store.read_pieces(file.id, file.pieces)
    first = await anext(pieces, "")  # an error can be answered only before the head is sent

    async def texts() -> AsyncIterator[bytes]:
        yield first.encode()
        async for text in pieces:
            yield text.encode()

    headers = {"Content-Length": str(file.bytes), "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(texts(), headers=headers, media_type="application/octet-stream")


@router.delete("/v1/files/{file_id}")
async def delete(request: Request, caller: CurrentCaller, file_id: str) -> Response:
    """Delete a file."""
    store = store_of(request)
    await store.delete(await store.load_file(caller, file_id))
    return JSONResponse({"id": file_id, "object": "file", "deleted": True})


def _read_form(form: FormData, most_seconds: int) -> tuple[UploadFile, int]:
    """Read the form: the file, and the seconds for which it is kept."""
    for name in form:
        if name not in _FIELDS:
            raise GatewayError(400, "unsupported_parameter", "this server does not know it", param=name[:100])
    purpose, file = form.get("purpose"), form.get("file")
    if not isinstance(file, UploadFile):
        raise GatewayError(400, "missing_required_parameter", "send the file as a part of the form", param="file")
    if purpose is None:
        raise GatewayError(400, "missing_required_parameter", "it is missing: batch", param="purpose")
    if purpose != PURPOSE:
        what = "files are kept for batches alone: give batch"
        raise GatewayError(400, "unsupported_parameter", what, param="purpose")
    return file, _read_ttl(form.get("expires_after[anchor]"), form.get("expires_after[seconds]"), most_seconds)


def _read_ttl(anchor: Any, seconds: Any, most: int) -> int:
    if anchor is None and seconds is None:
        return most
    if anchor != "created_at":
        raise GatewayError(400, "invalid_value", "the anchor is created_at", param="expires_after.anchor")
    known = isinstance(seconds, str) and seconds.isdecimal() and len(seconds) <= _MOST_DIGITS
    if not known or not LEAST_SECONDS <= int(seconds) <= most:
        what = f"give {LEAST_SECONDS} to {most} seconds (LLAMAQ_RESULT_TTL)"
        raise GatewayError(400, "invalid_value", what, param="expires_after.seconds")
    return int(seconds)
