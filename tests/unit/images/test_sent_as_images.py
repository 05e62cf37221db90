"""Base64 as people have it, and files that people send as images."""

import base64
from typing import Any

import pytest

from llamaq import InvalidRequest, Limits
from llamaq.admission.submission import prepare
from llamaq.images import loading
from llamaq.vocabulary.requests import parse
from tests.unit.images.image_factory import picture

DATA = picture()
URL_SAFE = base64.urlsafe_b64encode(DATA).decode()
WRAPPED = base64.encodebytes(DATA).decode()
FORMS = {
    "wrapped": WRAPPED,
    "crlf": WRAPPED.replace("\n", "\r\n"),
    "url-safe": URL_SAFE,
    "no-padding": URL_SAFE.rstrip("="),
    "data-url-wrapped": f" data:image/png;base64,{WRAPPED}",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("inside", [False, True], ids=["images", "message"])
def test_base64_as_people_have_it(text: str, inside: bool) -> None:
    """In the request's images and in those of a message."""
    fields: dict[str, Any] = {"kind": "multimodal", "model": "m", "prompt": "?", "images": [text]}
    if inside:
        fields = {"kind": "chat", "model": "m", "messages": [{"role": "user", "content": "?", "images": [text]}]}

    submission = prepare(parse(fields), "id", Limits())

    assert submission.images == (loading.load(DATA, Limits()),)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b"II*\0" + bytes(40), "TIFF.*convert it"),
        (b"%PDF-1.7", "PDF: render its pages"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg/>", "SVG drawing: render it"),
        (b"<!DOCTYPE html><HTML>", "web page: fetch the image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC file: convert it"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF file: convert it"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "video: extract a frame"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
def test_what_is_sent_as_an_image_is_named_with_the_remedy(data: bytes, said: str) -> None:
    """Whatever its name claims."""
    with pytest.raises(InvalidRequest, match=f"not an image in one of the formats .*; .*{said}"):
        loading.load(data, Limits())
