"""Finds polyglots: files that are an image for one reader, and an archive or a program for another."""

from collections.abc import Sequence

# Searched anywhere, as the readers of these formats do.
_ANYWHERE = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"%PDF-", "a PDF"),
    (b"<?php", "a PHP program"),
    (b"<script", "a web page"),
    (b"<html", "a web page"),
)
# Searched directly behind the end of an image.
_FIRST = (
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a program"),
    (b"#!", "a script"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"GIF8", "another image"),
    (b"\x89PNG", "another image"),
    (b"\xff\xd8\xff", "another image"),
)
_PADDING = b"\0\r\n\t "


def behind(rest: bytes) -> str | None:
    """A description of the bytes behind an image's end; None where there are none, or padding."""
    if not rest.strip(_PADDING):
        return None
    first = rest.lstrip(_PADDING)
    known = next((name for magic, name in _FIRST if first.startswith(magic)), None)
    if b"ftyp" in first[:8]:
        known = "a video"
    known = known or within([rest])
    return f"{len(rest)} bytes" + (f" that look like {known}" if known else "")


def within(parts: Sequence[bytes]) -> str | None:
    """The kind of another file in the parts of an image that are not the picture; None where there is none."""
    for part in parts:
        lower = part.lower()
        for magic, name in _ANYWHERE:
            if (magic in part) if magic[:2] == b"PK" else (magic.lower() in lower):
                return name
    return None
