"""Files that people send as images and that are not read, each with what to do."""

_CONVERT = "convert it to PNG or JPEG"
_BEGINNINGS = (
    (b"II*\0", "a TIFF file", _CONVERT),
    (b"MM\0*", "a TIFF file", _CONVERT),
    (b"%PDF-", "a PDF", "render its pages to PNG, one image for each"),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the file itself with `git lfs pull`"),
    (b"\xff\x0a", "a JPEG XL file", _CONVERT),
    (b"\0\0\0\x0cJXL ", "a JPEG XL file", _CONVERT),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 file", _CONVERT),
    (b"\0\0\1\0", "an icon", _CONVERT),
    (b"8BPS", "a Photoshop file", _CONVERT),
    (b"\x1aE\xdf\xa3", "a video", "extract a frame as PNG or JPEG"),
    (b"PK\x03\x04", "a ZIP archive", "unpack it, and give the images"),
)
_BRANDS = (
    ((b"avif", b"avis"), "an AVIF file"),
    ((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "a HEIC file"),
)
_MARKUP = ((b"<svg", "an SVG drawing", "render it to PNG"), (b"<html", "a web page", "fetch the image itself"))


def described(data: bytes) -> str:
    """What the file is and what to do, where that is known; else an empty text."""
    if not data:
        return "the file is empty"
    for magic, name, remedy in _BEGINNINGS:
        if data.startswith(magic):
            return f"it is {name}: {remedy}"
    if data[4:8] == b"ftyp":
        for brands, name in _BRANDS:
            if data[8:12] in brands:
                return f"it is {name}: {_CONVERT}"
        return "it is a video: extract a frame as PNG or JPEG"
    start = data[:2048].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<?xml", b"<!", b"<svg", b"<html")):
        for tag, name, remedy in _MARKUP:
            if tag in start:
                return f"it is {name}: {remedy}"
    return ""
