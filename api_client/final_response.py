"""An answer behind the interim ones, such as 102 and 103. http.client skips 100 alone, and takes others for the answer.

The tests of interim answers fail if `_read_status` of http.client is renamed.
"""

from http import HTTPStatus
from http.client import BadStatusLine, HTTPResponse, parse_headers


class FinalResponse(HTTPResponse):
    """Skips interim answers (RFC 9110, section 15.2). Else the connection's next call would get this one's answer."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # typeshed has no private methods
            if status == HTTPStatus.SWITCHING_PROTOCOLS:  # nobody has asked for it, and no HTTP would follow
                raise BadStatusLine(f"{version} {status} {reason}")
            if not HTTPStatus.SWITCHING_PROTOCOLS < status < HTTPStatus.OK:
                return version, status, reason
            parse_headers(self.fp)
