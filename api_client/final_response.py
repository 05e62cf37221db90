"""An answer behind the interim ones, such as 102 and 103. http.client skips 100 alone, and takes others for the answer.

The tests of interim answers fail if `_read_status` of http.client is renamed, and all tests if `_read_headers` is.
"""

import re
from http import HTTPStatus, client
from http.client import BadStatusLine, HTTPMessage, HTTPResponse, parse_headers
from io import BytesIO
from types import FunctionType
from typing import Any, BinaryIO

_PLAIN = re.compile(rb"([!-9;-~]+):[ \t]*([\t -~]*)\r\n")
"""A line of a header as nearly all are: one that is not continued, and is ASCII."""
_ENDS = (b"\r\n", b"\n", b"")
_SWITCHING, _OK = int(HTTPStatus.SWITCHING_PROTOCOLS), int(HTTPStatus.OK)


def headers_of(fp: BinaryIO, **limits: Any) -> HTTPMessage:
    """As `http.client.parse_headers`, whose parser is that of e-mails and takes far longer. It reads odd ones alone.

    The `limits` are those of later versions of Python, whose list of lines does not have the empty one.
    """
    lines = client._read_headers(fp, *limits.values())  # type: ignore[attr-defined]  # noqa: SLF001 - it bounds them
    message = HTTPMessage()
    for line in lines:
        if plain := _PLAIN.fullmatch(line):
            message.set_raw(plain[1].decode(), plain[2].decode())
        elif line not in _ENDS:
            return parse_headers(BytesIO(b"".join(lines)))
    return message


class FinalResponse(HTTPResponse):
    """Skips interim answers (RFC 9110, section 15.2). Else the connection's next call would get this one's answer."""

    # http.client's own function, which finds `parse_headers` by its name.
    begin = FunctionType(HTTPResponse.begin.__code__, vars(client) | {"parse_headers": headers_of})
    begin.__kwdefaults__ = HTTPResponse.begin.__kwdefaults__

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # typeshed has no private methods
            if status == _SWITCHING:  # nobody has asked for it, and no HTTP would follow
                raise BadStatusLine(f"{version} {status} {reason}")
            if not _SWITCHING < status < _OK:
                return version, status, reason
            parse_headers(self.fp)
