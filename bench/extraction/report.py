"""Makes the table of docs/extraction.md."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from bench.extraction.pairs import PAIRS
from bench.extraction.runs import REPAIRS, TOKENS, Row


def render_table(model: Sequence[Row], scripted: Sequence[Row], about: dict[str, Any]) -> str:
    """Render the table in Markdown, with the machine."""
    head = [
        f"{len(PAIRS)} pairs of schema and text, answers of at most {TOKENS} tokens at first, {REPAIRS} repairs,",
        f"temperature 0. Measured on {about['day']} with {about['cores']} of the cores of an {about['processor']}.",
        "",
        "| answers of | pairs | valid at once | valid after repairs | questions asked | failed |",
        "|---|---|---|---|---|---|",
    ]
    total = Row(
        "scripted: all",
        sum(row.pairs for row in scripted),
        sum(row.at_once for row in scripted),
        sum(row.repaired for row in scripted),
        sum(row.asked for row in scripted),
        dict(sum((Counter(row.failed) for row in scripted), Counter())),
    )
    return "\n".join([*head, *(_line(row) for row in (*model, *scripted, total))])


def _line(row: Row) -> str:
    failed = ", ".join(f"{count} `{code}`" for code, count in row.failed.items())
    shares = f"{_share(row.at_once, row)} | {_share(row.repaired, row)}"
    return f"| {row.what} | {row.pairs} | {shares} | {row.asked} | {failed} |"


def _share(valid: int, row: Row) -> str:
    return f"{valid} ({100 * valid / row.pairs:.0f} %)"
