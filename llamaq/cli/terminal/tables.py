"""Writes rows as a table on a terminal, and as tab-separated lines in a pipe."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from llamaq.cli.terminal.screen import Screen
from llamaq.escaping import escape_controls

_GAP = 2


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        right: whether it is aligned to the right, as numbers are.
        folds: whether it may be broken over lines.
        spare: whether it is left out on a terminal that is too narrow.
        styles: the style of a value, by its first word.
    """

    title: str
    right: bool = False
    folds: bool = False
    spare: bool = False
    styles: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Sheet:
    """Columns, and rows with a text for each."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]

    @property
    def width(self) -> int:
        """The width in characters, without line breaks."""
        return sum(_GAP + max(len(text) for text in texts) for texts in self._texts_by_column())

    def fit(self, width: int) -> "Sheet":
        """Leave out spare columns, from the right, until the sheet fits."""
        spare = [index for index, column in enumerate(self.columns) if column.spare]
        if self.width <= width or not spare:
            return self
        return self._drop_column(spare[-1]).fit(width)

    def _drop_column(self, index: int) -> "Sheet":
        columns = [*self.columns[:index], *self.columns[index + 1 :]]
        return Sheet(columns, [[*row[:index], *row[index + 1 :]] for row in self.rows])

    def _texts_by_column(self) -> Iterator[Sequence[str]]:
        return zip([column.title for column in self.columns], *self.rows, strict=True)


def write(screen: Screen, sheet: Sheet) -> None:
    """Write the sheet to stdout."""
    if screen.terminal:
        console = screen.stdout_console()
        console.print(build_table(sheet.fit(console.width)))
        return
    for row in ([column.title.lower() for column in sheet.columns], *sheet.rows):
        screen.write_line("\t".join(_flatten_field(value) for value in row))


def build_table(sheet: Sheet) -> Table:
    """Build the table for a terminal."""
    drawn = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold underline")
    for index, column in enumerate(sheet.columns):
        widest = max((len(row[index]) for row in sheet.rows), default=0)
        drawn.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=not column.folds,
            min_width=None if column.folds else widest,
            overflow="fold",
        )
    for row in sheet.rows:
        drawn.add_row(*(_cell(column, value) for column, value in zip(sheet.columns, row, strict=True)))
    return drawn


def _cell(column: Column, value: str) -> Text:
    first = value.split(" ", 1)[0]
    return Text(escape_controls(value), style=dict(column.styles).get(first, ""))


def _flatten_field(value: str) -> str:
    return escape_controls(value).replace("\t", " ").replace("\n", " ")
