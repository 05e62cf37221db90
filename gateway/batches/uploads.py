"""Splits an uploaded file into pieces that end with a line."""

import codecs
from collections.abc import AsyncIterator

from starlette.datastructures import UploadFile

from gateway.http.errors import GatewayError

READ_BYTES = 262_144
PIECE_CHARS = 65_536
"""The least length of a piece, which ends with the line that passes it."""


async def split_pieces(file: UploadFile) -> AsyncIterator[str]:
    """Split the text of a file into pieces, each of which ends with a line break; only the last may lack it.

    Raises:
        GatewayError: 400: it is not UTF-8.
    """
    decoder, rest, read, looked = codecs.getincrementaldecoder("utf-8")(), "", 0, 0
    while True:
        chunk = await file.read(READ_BYTES)
        try:
            rest += decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            what = f"the file is not UTF-8: byte {read + error.start} is wrong; save it as UTF-8"
            raise GatewayError(400, "invalid_file", what, param="file") from None
        read += len(chunk)
        while (end := rest.find("\n", max(PIECE_CHARS, looked))) >= 0:
            yield rest[: end + 1]
            rest, looked = rest[end + 1 :], 0
        looked = len(rest)
        if not chunk:
            break
    if rest:
        yield rest
