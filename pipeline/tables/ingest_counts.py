"""What became of the rows that ingest read, and how many of them may be bad."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from features.errors import DataError
from pipeline.tables.contract import CANONICAL
from pipeline.tables.unplaced_outcomes import NO_PLACE

__all__ = ["BadShares", "Counts", "check_counts", "check_shares", "with_reasons"]

BadShares: TypeAlias = float | Mapping[str, Any]
"""Largest share of bad rows: of every table; or by table (`default`: of the others), and in a table by reason, too."""


@dataclass(frozen=True)
class Counts:
    """What became of a table's rows: rows = kept + the quarantined + those left out, by reason.

    Attributes
    ----------
    rows, kept : int
    quarantined : dict of str to int
        Rows by reason. `NO_PLACE` follows from another row's reason, and is not bad by itself.
    values : dict of str to int
        Values of rows that stay, by what was done to them and their column: read as missing, or spelled in one way.
    notes : dict of str to int
        What is worth knowing and not bad, such as leads with an outcome that never were an MQL.
    left_out : dict of str to int
        Rows of persons who objected or were erased, and touchpoints without consent.
    """

    rows: int
    kept: int
    quarantined: dict[str, int]
    values: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)


def check_shares(shares: BadShares) -> None:
    """Refuse limits of tables that do not exist.

    Raises
    ------
    DataError
        Names them, and what is allowed.
    """
    unknown = sorted(set(shares) - {"default", *CANONICAL}) if isinstance(shares, Mapping) else []
    if unknown:
        raise DataError(
            f"ingest.max_bad_share: unknown table(s) {', '.join(unknown)}; allowed: default, {', '.join(CANONICAL)}. "
            "Correct params.yaml."
        )


def with_reasons(reasons: dict[str, int]) -> str:
    """Write counts by reason in brackets, with a blank before; nothing where there are none."""
    return " (" + ", ".join(f"{rows:,} {reason}" for reason, rows in reasons.items()) + ")" if reasons else ""


def check_counts(counts: dict[str, Counts], sql_file: Path, quarantine: Path, max_bad_share: BadShares) -> None:
    """Hold the counts to the limits.

    Raises
    ------
    DataError
        If there are no leads, rows were lost, or more of them are bad than allowed; it names table, reasons and parameter.
    """
    if not counts["leads"].rows:
        raise DataError(f"{sql_file}: view 'leads' has no rows. If its file holds only a header, export it again.")
    for name, count in counts.items():
        out = sum(count.quarantined.values()) + sum(count.left_out.values())
        if count.rows != count.kept + out:
            raise DataError(
                f"table {name!r}: {count.rows:,} rows came in, {count.kept:,} + {out:,} went out; rows were lost."
            )
        for reasons, most, where in _limits(count, name, max_bad_share):
            bad = sum(reasons.values())
            if bad and bad / count.rows > most:
                raise DataError(
                    f"table {name!r}: {bad:,} of {count.rows:,} rows ({bad / count.rows:.1%}) are bad{with_reasons(reasons)}; "
                    f"{where} allows {most:.1%}. Look at {quarantine / name}.parquet, mend the source, or allow more."
                )


def _limits(count: Counts, table: str, shares: BadShares) -> list[tuple[dict[str, int], float, str]]:
    """List what of a table's bad rows has a limit of its own: the rows by reason, the limit, and the parameter that says it."""
    where = "ingest.max_bad_share"
    bad = {reason: rows for reason, rows in count.quarantined.items() if reason != NO_PLACE}
    if not isinstance(shares, Mapping):
        return [(bad, shares, where)]
    own = shares.get(table, shares["default"])
    where += f".{table}" if table in shares else ".default"
    if not isinstance(own, Mapping):
        return [(bad, own, where)]
    limits = [({reason: rows}, own[reason], f"{where}.{reason}") for reason, rows in bad.items() if reason in own]
    others = {reason: rows for reason, rows in bad.items() if reason not in own}
    default = own.get("default", shares["default"])
    return [*limits, (others, default, f"{where}.default")]
