"""The share of leads that sales never spoke with, by what the product had advised: for training, gate and monitor."""

from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.population.own_influence import advised_periods, never_contacted_shares, read_influence

__all__ = ["influence_lines", "own_influence"]


def own_influence(canonical: Path, periods: pd.DataFrame) -> list[dict[str, Any]] | None:
    """Count risk periods by advice and tier, with the share in which sales never spoke with the lead.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    periods : DataFrame
        As returned by `risk_set.risk_periods`.

    Returns
    -------
    list of dict or None
        As `never_contacted_shares`; None: the source tells of no hand-overs or of no advice.
    """
    tables = read_influence(canonical)
    return None if tables is None else never_contacted_shares(advised_periods(periods, *tables))


def influence_lines(shares: list[dict[str, Any]] | None) -> list[str]:
    """Say the shares for a terminal, one line per advice and tier; none where nothing is known."""
    return [
        f"advised {item['advice']}, tier {item['tier']}: {item['leads']:,} leads, {item['never_contacted']:.0%} never contacted"
        for item in shares or []
        if item["advice"] != "none"
    ]
