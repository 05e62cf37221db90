"""An answer that repeats itself without end is noticed, one that is only regular is not."""

import random
import tracemalloc
from collections.abc import Iterable
from itertools import cycle, islice

import pytest

from tasks.attempt.repetition import RepetitionGuard


def _noticed_after(pieces: Iterable[str]) -> int | None:
    """The number of pieces after which the guard speaks; None where it does not."""
    guard = RepetitionGuard()
    return next((number for number, piece in enumerate(pieces, 1) if guard.repeats(piece)), None)


def _endless(*block: str) -> Iterable[str]:
    return islice(cycle(block), 50_000)


@pytest.mark.parametrize(
    ("blank", "pieces"),
    [(["\n"], 200), (["\n\n"], 100), ([" "], 200), (["\t", " ", "\n", "\r\n"], 200), (["\n" * 200], 1), (["  "], 200)],
)
def test_endless_white_space_is_noticed_ollama_2351_1910_2577(blank: list[str], pieces: int) -> None:
    """After 200 pieces of it, or 200 new lines."""
    assert _noticed_after(["{", *_endless(*blank)]) == pieces + 1


@pytest.mark.parametrize(
    ("size", "least"), [(1, 16_000 / 6), (2, 16_000 / 6), (7, 20 * 8), (50, 20 * 50), (100, 20 * 100)]
)
def test_the_same_tokens_again_and_again_are_noticed(size: int, least: float) -> None:
    """The same 50 tokens 20 times; one or two of them far more often, because these may be meant."""
    block = [f" word{number}" for number in range(size)]
    before = [f" {number}" for number in range(3_000)]
    noticed = _noticed_after([*before, *_endless(*block)])

    assert noticed is not None
    assert least <= noticed - len(before) <= least + 64


def test_pieces_that_do_not_end_where_a_block_ends_are_noticed_too() -> None:
    """What a host sends in one piece may be several tokens."""
    text = "Wait, let me think about this again. " * 2_000

    assert _noticed_after(text[start : start + 11] for start in range(0, len(text), 11)) is not None


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"| {number} | 0 | 0 | 0 |" for number in range(2_000)),
        "\n".join(["0, " * 9] * 9),
        "-" * 9_000,
        "la " * 3_000,
        " token" * 2_400,
        ("0, " * 9 + "\n") * 30,
        ("x" * 50 + "\n") * 19 + "end",
        "".join(" " * (number % 190) + "x" for number in range(2_000)),
        " ".join(str(random.Random(number).random()) for number in range(3_000)),
    ],
)
def test_what_is_regular_but_ends_is_no_repetition(text: str) -> None:
    """Tables, rules, songs and indented code are answers."""
    assert _noticed_after(text) is None


def test_its_memory_is_bounded() -> None:
    """A long answer takes no more than a short one."""
    guard, pieces = RepetitionGuard(), [f" {number}" for number in range(200_000)]
    tracemalloc.start()
    try:
        for piece in pieces:
            assert not guard.repeats(piece)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert most < 200_000
