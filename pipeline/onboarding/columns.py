"""What a column holds: the record that every later step reads."""

from dataclasses import dataclass, field

from pipeline.onboarding.moments import Moments

__all__ = ["BOOLEANS", "Column", "Table"]

BOOLEANS = {
    **dict.fromkeys(("ja", "j", "yes", "y", "true", "t", "wahr", "w", "1", "on", "x"), True),
    **dict.fromkeys(("nein", "n", "no", "false", "f", "falsch", "0", "off"), False),
}


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        As in the file.
    type : str
        moment, number, boolean, category, text (too many values to be categories) or empty.
    filled, distinct : int
        Values that are not missing, and different ones (approximate in large files).
    values : dict of str to int
        Of a category, a boolean, or numbers so few that they may be codes: its values and how often each occurs.
    moments : Moments or None
        Of a moment.
    style : str
        Of a number: `de` (1.234,5) or `en`.
    unread : int
        Values that are not of the type.
    is_uuid : bool
        Its values are UUIDs.
    personal : str or None
        Which personal data it holds.
    notes : tuple of str
        What was concluded from what.
    """

    name: str
    type: str
    filled: int
    distinct: int
    values: dict[str, int] = field(default_factory=dict)
    moments: Moments | None = None
    style: str = "en"
    unread: int = 0
    is_uuid: bool = False
    personal: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table in the database: its files' name, the name there, its columns and rows.

    `sources` are the FROM expressions that are put together (exports of several months have one header); `sample` names a table
    with some of the rows, for what a few can't overturn; rows of an `inner` table stand in lists inside another's rows.
    """

    name: str
    loaded: str
    rows: int
    columns: dict[str, Column]
    sources: tuple[str, ...]
    position: bool
    remarks: tuple[str, ...] = ()
    known_shape: str | None = None
    sample: str = ""
    inner: bool = False

    def column(self, name: str) -> Column:
        """Give a column by its name."""
        return self.columns[name]

    def moments(self) -> list[Column]:
        """List the columns of moments."""
        return [column for column in self.columns.values() if column.type == "moment"]
