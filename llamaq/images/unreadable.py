"""Names the files that people take for images, each with what to do."""

import re

from llamaq.images.formats import FORMATS

_FRAME = "take a frame of it (ffmpeg -i FILE -frames:v 1 frame.jpg)"
_UNPACK = "unpack it, and hand in the images (pages of a document: print them to images)"
_CONVERT = "convert it to PNG or JPEG"
_WEB_PAGE = "a web page, perhaps the error of a download: look at it in a text editor"
_SIDE_FILE = "a side file of macOS, whose name begins with ._: hand in the file of the same name without"
_CAMERA = f"TIFF, or the raw image of a camera: {_CONVERT}"

# By the first bytes. `.` stands for any byte.
_BINARY = (
    (rb"II\*\0|MM\0\*|II\+\0|MM\0\+|FUJIFILMCCD-RAW|II(?:U\0|RO)", _CAMERA),
    (rb"%PDF-", "a PDF: render its pages to images (pdftoppm -png -r 150 FILE page)"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", f"JPEG XL: {_CONVERT} (djxl)"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", f"JPEG 2000: {_CONVERT}"),
    (rb"8BPS", f"a file of Photoshop: {_CONVERT}"),
    (rb"\0\0[\x01\x02]\0", f"an icon: {_CONVERT}"),
    (rb"....(?:ftyp|moov|mdat|wide|free)|\x1aE\xdf\xa3|FLV|OggS|RIFF....AVI |\0\0\x01[\xba\xb3]", f"video: {_FRAME}"),
    (rb"RIFF....WAVE|ID3|fLaC|\xff[\xf2\xf3\xfb]", "audio, which is no image"),
    (rb"PK(?:\x03\x04|\x05\x06)", f"a ZIP archive, such as a document of an office program: {_UNPACK}"),
    (rb"Rar!|7z\xbc\xaf|\x1f\x8b|\xfd7zXZ|BZh|\x28\xb5\x2f\xfd", f"a compressed file: {_UNPACK}"),
    (rb"\xd0\xcf\x11\xe0", f"an old document of an office program: {_UNPACK}"),
    (rb"\0\x05\x16[\0\x07]", _SIDE_FILE),
    (rb"MZ|\x7fELF|#!", "a program"),
    (rb"P[1-7]\s|qoif|#\?RADIANCE|v/1\x01|DDS |SIMPLE  =", f"an image in a format that is not read: {_CONVERT}"),
)
# By the first words, behind a BOM, white space, comments and an XML declaration.
_WORDS = (
    (rb"<svg\b|<!doctype svg", "SVG, a drawing: render it to PNG (rsvg-convert -w 1024 FILE -o image.png)"),
    (rb"<!doctype html|<html\b|<head\b|<body\b|<script\b", _WEB_PAGE),
    (rb"version https://git-lfs\.", "a pointer of Git LFS, not the file itself: run git lfs pull"),
    (rb"[{\[]", "JSON, perhaps the error of a download: look at it in a text editor"),
    (rb"<", "XML or a web page, perhaps the error of a download: look at it in a text editor"),
)
_BEFORE_WORDS = re.compile(rb"(?:\xef\xbb\xbf|\s|<\?xml[^>]{0,500}\?>|<!--.{0,2000}?-->)*", re.DOTALL)


def reason(data: bytes) -> str:
    """Why these bytes are not read as an image, and what to do."""
    if not data:
        return "empty: there is not one byte in it"
    found = _find_name(_BINARY, data) or _find_name(_WORDS, data[_end_of_prologue(data) :])
    return f"not an image in one of the formats {', '.join(FORMATS)}, AVIF, HEIC: {found or _describe_beginning(data)}"


def _find_name(table: tuple[tuple[bytes, str], ...], data: bytes) -> str | None:
    return next((name for magic, name in table if re.match(magic, data[:64], re.DOTALL | re.IGNORECASE)), None)


def _end_of_prologue(data: bytes) -> int:
    found = _BEFORE_WORDS.match(data[:10_000])
    return found.end() if found else 0


def _describe_beginning(data: bytes) -> str:
    if not data.strip(b"\0"):
        return f"{len(data)} bytes that are all zero, as an unfinished download or a damaged disk leaves them"
    shown = data[:24]
    if shown.isascii() and shown.decode("ascii").replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable():
        return f"it is a text that begins with {shown.decode('ascii')!r}"
    return f"it begins with the bytes {data[:8].hex(' ')}"
