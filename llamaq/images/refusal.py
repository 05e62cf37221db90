"""The reason why an image is refused."""


class Refused(Exception):
    """An image is refused. The text is the reason with the remedy; `loading.load` adds field and file name."""


class Damaged(Refused):
    """An image is truncated, or its content contradicts its format."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"a damaged image: {reason}")
