"""What the regression bench says has moved."""

import pytest

from bench.figures.results import Results
from bench.regression.ratios import RATIOS, compute_ratios, report

STEADY = {ratio.title: [0.9, 1.0, 1.1] for ratio in RATIOS}


@pytest.mark.parametrize(
    ("rounds", "word"),
    [
        ([1.4, 1.5, 1.6], "worse"),
        ([0.4, 0.5, 0.6], "better"),
        ([1.2, 1.4, 1.7], ""),  # the rounds of each run differ by as much
        ([1.02, 1.05, 1.06], ""),  # too little
    ],
)
def test_what_moved_by_more_than_the_noise_is_marked(rounds: list[float], word: str) -> None:
    """It moved by more than its rounds differ, and by more than a little. Any other line has no mark."""
    lines = report({**STEADY, "submit": rounds}, STEADY)

    marked = [line for line in lines if "<--" in line]
    assert [line.partition(":")[0] for line in marked] == (["submit"] if word else [])
    assert all(line.endswith(word) for line in marked)


def test_more_tokens_a_second_are_better() -> None:
    """It is no cost."""
    lines = report({**STEADY, "tokens/s": [2.0, 2.1]}, STEADY)

    assert [line for line in lines if "<--" in line] == [
        "tokens/s: 2.05 (2.00 to 2.10), recorded 1.00 (0.90 to 1.10)  <-- better"
    ]


def test_a_ratio_is_of_two_paths_in_the_same_round() -> None:
    """So that a machine that is slow for a while changes nothing. One that is not recorded yet is said to be new."""
    results = Results()
    for ours, theirs in ((1.0, 2.0), (10.0, 20.0)):
        results.add("submit_ms", "llamaq", ours)
        results.add("submit_ms", "naive", theirs)

    assert compute_ratios(results)["submit"] == [0.5, 0.5]
    assert "not recorded yet" in report({**STEADY, "submit": [0.5]}, {**STEADY, "submit": []})[7]
