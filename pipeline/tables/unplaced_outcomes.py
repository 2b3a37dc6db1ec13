"""Outcomes that can't be placed: a lead whose outcome could not be read is never trained as one without.

The rule and its reasons: docs/adr/0032-outcomes-that-cannot-be-placed.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from features.errors import DataError
from pipeline.tables.duckdb import Connection

__all__ = [
    "FILE",
    "NEVER_MQL",
    "NO_PLACE",
    "Month",
    "difference_interval",
    "months_table",
    "place_outcomes",
    "refuse_if_too_few_remain",
    "unplaced_months",
]

FILE = "unplaced_outcomes"
NEVER_MQL = "never an MQL"
NO_PLACE = "MQL whose outcome cannot be placed"
OUTCOMES = ("sales_qualified", "disqualified")
MOST_UNPLACED = 0.02  # of a month's MQLs
SEVERAL = 2  # one lead alone is a slip of the pen, however small the month
Z = 1.959963984540054  # 97.5 % quantile of the standard normal distribution
WAYS_OUT = (
    ("outcome before its MQL", "if outcomes are days without a time, read them by day(...); if the CRM overwrites the date of "
     "an MQL when a lead comes back, take the first date from the stages' history"),
    ("unparsable occurred_at", "correct the format in moment(...) or day(...)"),
    ("no time zone in occurred_at", "read the moment by moment(...) or day(...), which take a zone"),
    ("missing occurred_at", "give every outcome its moment"),
    ("occurred_at after the export", "correct ingest.exported_at, or the dates"),
)  # fmt: skip


@dataclass(frozen=True)
class Month:
    """The MQLs of one month (UTC), and what became of them.

    Attributes
    ----------
    month : datetime or None
        Its first moment; None: leads whose MQL could not be read, either.
    mqls : int
        Leads that became MQL first in this month, those whose outcome can't be placed included.
    leads, unplaced : tuple of int
        Leads with a sales_qualified and with a disqualified outcome, and those of them whose outcome can't be placed.
    unplaced_leads : int
        Leads with either.
    """

    month: object
    mqls: int
    leads: tuple[int, int]
    unplaced: tuple[int, int]
    unplaced_leads: int

    @property
    def cut(self) -> bool:
        """Whether the month tells too little of its outcomes for anybody in it to be learned from.

        Examples
        --------
        >>> Month(None, 100, (30, 50), (2, 1), 3).cut, Month(None, 100, (30, 50), (1, 1), 2).cut
        (True, False)
        >>> Month(None, 1000, (30, 500), (10, 0), 10).cut, Month(None, 3, (2, 0), (1, 0), 1).cut  # one-sided; a single lead
        (True, False)
        """
        too_many = self.unplaced_leads >= SEVERAL and self.unplaced_leads > MOST_UNPLACED * self.mqls
        low, high = difference_interval(self.unplaced[0], self.leads[0], self.unplaced[1], self.leads[1])
        return too_many or low > 0.0 or high < 0.0


def difference_interval(first: int, of_first: int, second: int, of_second: int) -> tuple[float, float]:
    """Bound the difference of two shares, at 95 % (Newcombe 1998, method 10, from two Wilson intervals).

    Returns
    -------
    low, high : float
        Of ``first / of_first - second / of_second``; (-1, 1) where one of them has no rows.

    Examples
    --------
    >>> [round(end, 4) for end in difference_interval(56, 70, 48, 80)]  # Newcombe's example (a)
    [0.0524, 0.3339]
    """
    if not of_first or not of_second:
        return -1.0, 1.0
    p, q = first / of_first, second / of_second
    (low_p, high_p), (low_q, high_q) = _wilson(p, of_first), _wilson(q, of_second)
    down: float = ((p - low_p) ** 2 + (high_q - q) ** 2) ** 0.5
    up: float = ((high_p - p) ** 2 + (q - low_q) ** 2) ** 0.5
    return p - q - down, p - q + up


def _wilson(share: float, rows: int) -> tuple[float, float]:
    centre = share + Z**2 / (2 * rows)
    half = Z * (share * (1 - share) / rows + Z**2 / (4 * rows**2)) ** 0.5
    return (centre - half) / (1 + Z**2 / rows), (centre + half) / (1 + Z**2 / rows)


def place_outcomes(connection: Connection) -> int:
    """Settle which outcomes belong to an MQL; returns how many leads have an outcome and never were an MQL.

    Works on `checked_stage_changes`: _row, _reason, _day (the local day as it was written) and the typed columns.
    An outcome on the day of its MQL, and before it, moves to the MQL's moment. One with no MQL before it is condemned, unless
    the lead never was an MQL: then it is a fact like any other. Leads with a condemned outcome leave the risk set: their MQLs
    are condemned. A lead stays that has a good outcome of the same kind, or whose success was read.
    """
    good = "_reason IS NULL"
    outcome = f"stage IN {OUTCOMES}"
    connection.execute("CREATE OR REPLACE TEMP TABLE mqls AS SELECT * FROM checked_stage_changes WHERE stage = 'mql'")
    placed = (
        f"EXISTS (SELECT 1 FROM mqls m WHERE m.lead_id = c.lead_id AND m.{good} AND m.occurred_at <= c.occurred_at)"
    )
    connection.execute(
        f"""UPDATE checked_stage_changes c
        SET occurred_at = later.occurred_at, recorded_at = greatest(c.recorded_at, later.recorded_at)
        FROM (
            SELECT c._row, min(m.occurred_at) AS occurred_at, min_by(m.recorded_at, m.occurred_at) AS recorded_at
            FROM checked_stage_changes c
            JOIN mqls m ON m.lead_id = c.lead_id AND m._day = c._day AND m.occurred_at > c.occurred_at
            WHERE c.{good} AND m.{good} AND c.{outcome} AND NOT {placed}
            GROUP BY c._row
        ) later WHERE c._row = later._row"""
    )
    connection.execute(
        f"""UPDATE checked_stage_changes c SET _reason =
            CASE WHEN EXISTS (SELECT 1 FROM mqls m WHERE m.lead_id = c.lead_id AND m.{good}) THEN 'outcome before its MQL'
                 ELSE 'outcome whose MQL cannot be read' END
        WHERE c.{good} AND c.{outcome} AND NOT {placed} AND EXISTS (SELECT 1 FROM mqls m WHERE m.lead_id = c.lead_id)"""
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE unplaced AS
        SELECT DISTINCT lead_id, stage FROM checked_stage_changes c
        WHERE c.{outcome} AND _reason IS NOT NULL AND _reason <> 'unknown lead' AND lead_id IS NOT NULL
          AND NOT EXISTS (
              SELECT 1 FROM checked_stage_changes g
              WHERE g.lead_id = c.lead_id AND g.stage IN (c.stage, 'sales_qualified') AND g.{good} AND EXISTS (
                  SELECT 1 FROM mqls m WHERE m.lead_id = g.lead_id AND m.{good} AND m.occurred_at <= g.occurred_at))"""
    )
    connection.execute(
        f"""UPDATE checked_stage_changes SET _reason = '{NO_PLACE}'
        WHERE {good} AND stage = 'mql' AND lead_id IN (SELECT lead_id FROM unplaced)"""
    )
    [(never,)] = connection.execute(
        f"""SELECT count(DISTINCT lead_id) FROM checked_stage_changes
        WHERE {good} AND {outcome} AND lead_id NOT IN (SELECT lead_id FROM mqls WHERE lead_id IS NOT NULL)"""
    ).fetchall()
    return int(never)


def unplaced_months(connection: Connection) -> list[Month]:
    """Count MQLs and outcomes by month, after `place_outcomes`; months without an unplaced outcome are there, too."""
    rows = connection.execute(
        """WITH firsts AS (
            SELECT lead_id, date_trunc('month', min(occurred_at)) AS month FROM mqls WHERE _reason IS NULL GROUP BY 1
        ),
        outcomes AS (
            SELECT DISTINCT lead_id, stage, false AS lost FROM checked_stage_changes
            WHERE stage IN ('sales_qualified', 'disqualified') AND _reason IS NULL
              AND lead_id IN (SELECT lead_id FROM firsts)
            UNION ALL
            SELECT lead_id, stage, true FROM unplaced
        ),
        by_lead AS (
            SELECT coalesce(f.lead_id, o.lead_id) AS lead_id, any_value(f.month) AS month,
                   any_value(f.lead_id) IS NOT NULL AS is_mql,
                   coalesce(bool_or(stage = 'sales_qualified'), false) AS won,
                   coalesce(bool_or(stage = 'disqualified'), false) AS lost_lead,
                   coalesce(bool_or(stage = 'sales_qualified' AND lost), false) AS won_unplaced,
                   coalesce(bool_or(stage = 'disqualified' AND lost), false) AS lost_unplaced
            FROM firsts f FULL JOIN outcomes o ON f.lead_id = o.lead_id GROUP BY 1
        )
        SELECT month, count_if(is_mql), count_if(won), count_if(lost_lead), count_if(won_unplaced), count_if(lost_unplaced),
               count_if(won_unplaced OR lost_unplaced)
        FROM (SELECT * REPLACE (strftime(month, '%Y-%m-%dT00:00:00Z') AS month) FROM by_lead)
        GROUP BY 1 ORDER BY 1 NULLS LAST"""
    ).fetchall()
    return [
        Month(month, n, (won, lost), (won_un, lost_un), both) for month, n, won, lost, won_un, lost_un, both in rows
    ]


def months_table(months: Sequence[Month]) -> pa.Table:
    """Lay out the months that lack an outcome as the table `unplaced_outcomes`."""
    lacking = [month for month in months if month.unplaced_leads]
    moments = pa.array([None if m.month is None else str(m.month) for m in lacking], pa.string())
    return pa.table(
        {
            "month": pc.cast(
                pc.strptime(pc.utf8_rtrim(moments, "Z"), "%Y-%m-%dT%H:%M:%S", "us"), pa.timestamp("us", "UTC")
            ),
            "mqls": pa.array([m.mqls for m in lacking], pa.int64()),
            **{name: pa.array([m.leads[i] for m in lacking], pa.int64()) for i, name in enumerate(OUTCOMES)},
            **{
                f"{name}_unplaced": pa.array([m.unplaced[i] for m in lacking], pa.int64())
                for i, name in enumerate(OUTCOMES)
            },
            "leads_unplaced": pa.array([m.unplaced_leads for m in lacking], pa.int64()),
            "cut": pa.array([m.cut and m.month is not None for m in lacking], pa.bool_()),
        }
    )


def refuse_if_too_few_remain(
    months: Sequence[Month], reasons: dict[str, int], sql_file: Path, quarantine: Path
) -> None:
    """Stop where less than half of the months with MQLs would be left to learn from.

    Raises
    ------
    DataError
        Names the outcomes by kind, the months, and what to correct in the source.
    """
    dated = [month for month in months if month.month is not None and month.mqls]
    gone = [month for month in dated if month.cut]
    if not gone or 2 * (len(dated) - len(gone)) >= len(dated):
        return
    counts = ", ".join(
        f"{sum(m.unplaced[i] for m in gone):,} of {sum(m.leads[i] for m in gone):,} {name}"
        for i, name in enumerate(OUTCOMES)
    )
    found = [f"{reasons[reason]:,} {reason}: {way}." for reason, way in WAYS_OUT if reason in reasons]
    names = ", ".join(str(month.month)[:7] for month in gone)
    raise DataError(
        f"{sql_file}: the outcomes of too many leads can't be placed ({counts}), so the MQLs of {names} would tell nothing, "
        f"and {len(dated) - len(gone)} of {len(dated)} months would remain; at least half must. Correct the source. "
        + " ".join(found)
        + f" The rows: {quarantine / 'stage_changes'}.parquet."
    )
