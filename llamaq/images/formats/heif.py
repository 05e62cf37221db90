"""HEIF, with HEVC (`.heic`, the photos of iPhones) or AV1 (`.avif`): boxes, of which the first names the format."""

from llamaq.images.formats.anatomy import Anatomy

_HEVC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AV1 = frozenset({b"avif", b"avis"})
_MOST_BRANDS = 100
_ANY = frozenset({b"mif1", b"mif2", b"msf1"})  # of either, and of codecs that no phone uses


def dissect(data: bytes) -> Anatomy | None:
    """The format by the brands of the first box; None for other files with boxes, such as videos.

    The decoder applies the rotation of the boxes. EXIF's is not to be applied again, so it is not reported here.
    """
    if data[4:8] != b"ftyp":
        return None
    box = data[: min(int.from_bytes(data[:4]), _MOST_BRANDS * 4)]
    brands = {box[8:12], *(box[at : at + 4] for at in range(16, len(box), 4))}
    if box[8:12] in _AV1 or (box[8:12] in _ANY and brands & _AV1):
        return Anatomy("AVIF", lossy=True)
    if box[8:12] in _HEVC | _ANY:
        return Anatomy("HEIF", lossy=True)
    return None
