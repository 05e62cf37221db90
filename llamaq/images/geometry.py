"""The width and the height of an image: within the limits, and what a vision model can take."""

from llamaq.images.refusal import Refused
from llamaq.settings.producer import Limits

LEAST_EDGE = 28
"""In pixels. The runner of qwen2.5vl ends at a shorter edge, with all that it is computing."""
GROWN_EDGE = 32
"""In pixels. The runner of qwen3-vl ends at a shorter edge, so an edge from `LEAST_EDGE` on is scaled up to it."""
MOST_RATIO = 200
"""Of the longer edge to the shorter one. The runners of both end at a greater ratio."""

Size = tuple[int, int]


def check_size(size: Size, limits: Limits) -> None:
    """Check the size of an image as it came.

    Raises:
        Refused: it has too many pixels, an edge below `LEAST_EDGE`, or a ratio above `MOST_RATIO`.
    """
    width, height = size
    if width * height > limits.image_pixels:
        limit = f"the limit of {limits.image_pixels} pixels ({limits.name('image_pixels')})"
        raise Refused(f"{width} x {height} is over {limit}")
    if min(size) < LEAST_EDGE:
        raise Refused(f"{width} x {height} pixels: {_TOO_SHORT}; scale it up, or put it on a larger background")
    if max(size) > MOST_RATIO * min(size):
        raise Refused(
            f"{width} x {height} pixels: one edge is more than {MOST_RATIO} times the other, "
            "which ends the runner of some vision models; cut it into parts"
        )


def target_size(size: Size, max_edge: int | None) -> Size:
    """The size that is sent: the longer edge scaled down to `max_edge`, or the shorter one up to `GROWN_EDGE`.

    Raises:
        Refused: scaled down, an edge would be below `LEAST_EDGE`.
    """
    if max_edge is not None and max(size) > max_edge:
        made = _scale(size, max_edge / max(size))
        if min(made) < LEAST_EDGE:
            least = -(-LEAST_EDGE * max(size) // min(size))
            raise Refused(
                f"{size[0]} x {size[1]} pixels are {made[0]} x {made[1]} with a max_edge of {max_edge}: {_TOO_SHORT}; "
                f"give a max_edge of {least} or more"
            )
        return made
    if min(size) < GROWN_EDGE:
        grown = _scale(size, GROWN_EDGE / min(size))
        return grown if max_edge is None or max(grown) <= max_edge else size
    return size


_TOO_SHORT = f"an edge below {LEAST_EDGE} pixels ends the runner of some vision models"


def _scale(size: Size, factor: float) -> Size:
    return max(round(size[0] * factor), 1), max(round(size[1] * factor), 1)
