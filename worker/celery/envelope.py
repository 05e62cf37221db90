"""The envelope of a message in kombu's Redis transport: its fields, checked for their types, and its body as a text."""

import base64
import bz2
import lzma
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.problems import translate_error
from worker.gate import MOST_BYTES, BadMessage

_DECOMPRESSORS: Mapping[str, Callable[[], Any]] = {
    "application/x-gzip": zlib.decompressobj,
    "application/x-bz2": bz2.BZ2Decompressor,
    "application/x-lzma": lzma.LZMADecompressor,
}
M = TypeVar("M", bound=BaseModel)


class Foreign(BaseModel):
    """What a message says: fields of other types are refused, and fields of other names ignored."""

    # The maximum length makes pydantic check the characters: see `llamaq.vocabulary.wire.Strict`.
    model_config = ConfigDict(strict=True, extra="ignore", str_max_length=2**31)


class DeliveryInfo(Foreign):
    """Where kombu returns a message to."""

    exchange: str
    routing_key: str
    redelivered: bool | None = None


class Properties(Foreign):
    """The properties that kombu and Celery read."""

    delivery_tag: str
    delivery_info: DeliveryInfo
    body_encoding: Literal["base64"] | None = None
    delivery_mode: int | None = None
    priority: int | None = None
    reply_to: str | None = None
    correlation_id: str | None = None


class Envelope(Foreign):
    """The whole message. `headers` are those of the task, or of the command."""

    body: str
    content_type: Literal["application/json"] = Field(alias="content-type")
    content_encoding: str | None = Field(None, alias="content-encoding", pattern=r"^(?i:utf-?8|us-ascii|ascii|binary)$")
    headers: dict[str, Any] | None = None
    properties: Properties


def validate(model: type[M], given: object) -> M:
    """Validate the fields; returns them typed.

    Raises:
        BadMessage: names those that are wrong.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise BadMessage(str(InvalidRequest(translate_error(error, given)))) from error


def decode_body(envelope: Envelope) -> str:
    """Decode the text of the body.

    Raises:
        BadMessage: it cannot be decoded.
    """
    compression = (envelope.headers or {}).get("compression")
    try:
        content = base64.b64decode(envelope.body) if envelope.properties.body_encoding else envelope.body.encode()
        return (_decompress(content, compression) if compression else content).decode()
    except ValueError as error:
        raise BadMessage("body: it is neither base64 nor UTF-8 as it says") from error


def _decompress(content: bytes, compression: object) -> bytes:
    start = _DECOMPRESSORS.get(compression) if isinstance(compression, str) else None
    if start is None:
        known = ", ".join(_DECOMPRESSORS)
        raise BadMessage(f"headers.compression: {ascii(compression)[:100]} is not known; there are: {known}")
    try:
        found: bytes = start().decompress(content, MOST_BYTES + 1)
    except Exception as error:
        raise BadMessage(f"body: it cannot be decompressed as {compression}") from error
    if len(found) > MOST_BYTES:
        raise BadMessage(f"body: decompressed it has more than {MOST_BYTES} bytes")
    return found
