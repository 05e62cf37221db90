"""Images as producers give them, and as a job has them. Pillow is imported only where an image is loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

REFERENCE = "sha256:"
UPLOAD_SECONDS = 3600
"""How long a stored image is kept without a job."""


class Picture(Protocol):
    """A picture of Pillow's (`PIL.Image.Image`)."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""

    def convert(self, mode: str | None = None) -> Any:
        """The picture in another mode."""


ImageSource = Path | bytes | bytearray | memoryview | str | IO[bytes] | Picture
"""A path, the file's bytes, base64 or a `data:` URL in a text, a file object, or a picture of Pillow's."""


@dataclass(frozen=True, slots=True)
class Image:
    """A checked image.

    Attributes:
        sha256: of `data`, in hex.
        data: a PNG or a JPEG, without metadata.
    """

    sha256: str
    data: bytes

    @property
    def reference(self) -> str:
        """The text for the image in a request."""
        return f"{REFERENCE}{self.sha256}"
