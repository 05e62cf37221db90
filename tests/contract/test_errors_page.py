"""The page on errors says what to do about each class and code."""

import llamaq
from docs.errors import render_page


def test_each_error_of_the_sdk_has_its_row() -> None:
    """With what to do; a class or a code without one is an error of `python3 run.py generate`."""
    rows = {line.split("`")[1]: line for line in render_page().splitlines() if line.startswith("| `")}
    public = {
        name
        for name in llamaq.__all__
        if isinstance(kind := getattr(llamaq, name), type) and issubclass(kind, llamaq.LlamaqError)
    }

    assert public - {"LlamaqError"} <= rows.keys()
    assert all(len(row.split("|")[-3].split()) > 1 for row in rows.values() if row.count("|") == 6)
