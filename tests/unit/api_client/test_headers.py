"""The headers of an answer are what http.client reads of them, which has the parser of e-mails read them."""

from http import client
from http.client import HTTPException, HTTPMessage, parse_headers
from io import BytesIO

import pytest
from urllib3.exceptions import HeaderParsingError
from urllib3.util.response import assert_header_parsing

from api_client import final_response

PLAIN = b"Content-Type: application/x-ndjson\r\nDate: Mon, 30 Nov 2026 00:00:00 GMT\r\nX-Empty:\r\n"
ODD = [
    b"Server: a\r\nX-Folded: one\r\n two\r\n\tthree\r\nLast: b\r\n",
    b"X-Bare: line feed\nLast: b\r\n",
    b"X-Latin: \xe9t\xe9\r\nLast: b\r\n",
    b"No colon\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding : chunked\r\nLast: b\r\n",
    b": no name\r\nLast: b\r\n",
    b" Begins: with a blank\r\n",
    b"From nobody\r\nLast: b\r\n",
    b"X-Return: a\rb\r\nLast: b\r\n",
    b"Content-Type: multipart/mixed; boundary=a\r\nLast: b\r\n",
]


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b""])
@pytest.mark.parametrize(
    "head",
    [
        b"",
        PLAIN,
        b"X-Blanks: \t a b \t\r\nX-Colon: a:b\r\nA:b\r\n",
        b"Content-Length: 1\r\ncontent-length: 2\r\n",
        *ODD,
        *(PLAIN + odd for odd in ODD),
    ],
)
def test_headers_are_those_of_http_client(head: bytes, end: bytes) -> None:
    """Also where they are folded, or are no headers; and what comes behind them is left."""
    ours, theirs = BytesIO(head + end + b"body"), BytesIO(head + end + b"body")
    read, known = final_response.headers_of(ours), parse_headers(theirs)
    assert read.items() == known.items()
    assert ours.read() == theirs.read()
    assert _faults(read) == _faults(known)


def _faults(headers: HTTPMessage) -> str:
    try:
        assert_header_parsing(headers)
    except HeaderParsingError as error:
        return str(error)
    return ""


def test_plain_headers_are_not_read_by_the_parser_of_e_mails(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes longer than all else that an answer's head needs."""
    monkeypatch.setattr(final_response, "parse_headers", None)
    assert final_response.headers_of(BytesIO(PLAIN + b"\r\n"))["content-type"] == "application/x-ndjson"


def test_the_lines_may_come_without_the_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As later versions of Python give them, which are told how many there may be."""
    known = parse_headers(BytesIO(PLAIN + b"\r\n"))
    monkeypatch.setattr(client, "_read_headers", lambda fp, most: [fp.readline() for _ in range(most)])
    assert final_response.headers_of(BytesIO(PLAIN + b"\r\n"), _max_headers=3).items() == known.items()


@pytest.mark.parametrize("head", [b"X: y\r\n" * 101, b"X: " + b"y" * 70_000 + b"\r\n"])
def test_too_many_and_too_long_headers_are_refused(head: bytes) -> None:
    """As http.client refuses them."""
    with pytest.raises(HTTPException):
        final_response.headers_of(BytesIO(head + b"\r\n"))
