"""Detectors of attributes by the history of their values: set only after the outcome, or known only as of the export."""

import pandas as pd

from pipeline.leakage.finding import Finding
from pipeline.leakage.stated import WITHHOLD, stated
from pipeline.leakage.values import is_pure
from pipeline.params import AuditParams

__all__ = ["read_at_export", "set_after_outcome"]


def set_after_outcome(changes: pd.DataFrame, ended_at: pd.Series, params: AuditParams) -> list[Finding]:
    """Find attributes whose values are only ever set at or after the end of the lead's risk period.

    Parameters
    ----------
    changes : DataFrame
        lead_id, attribute, value, occurred_at: one row per change of a lead's attribute.
    ended_at : Series
        First end of a risk period, by lead_id. A lead without an end counts as not ended: its changes are exceptions.
    """
    findings = []
    filled = changes[changes["value"].notna() & changes["lead_id"].notna()]
    end = (
        filled[["lead_id"]]
        .astype(object)
        .merge(ended_at.rename("ended_at"), left_on="lead_id", right_index=True, how="left")
    )
    after = filled["occurred_at"].to_numpy() >= end["ended_at"].to_numpy()
    for name, rows in filled.groupby("attribute", sort=True, observed=True).indices.items():
        exceptions = int((~after[rows]).sum())
        if not is_pure(exceptions, len(rows), 1.0, params):
            continue
        findings.append(
            Finding(
                str(name),
                "set_after_outcome",
                "block",
                {"changes": len(rows), "exceptions": exceptions},
                stated(
                    "Its values are only ever set after the outcome.",
                ),
                stated(
                    "{rows} changes, {exceptions} of them before.",
                    rows=len(rows),
                    exceptions=exceptions,
                ),
                stated(WITHHOLD),
            )
        )
    return findings


def read_at_export(names: list[str], *, ordinal: bool) -> list[Finding]:
    """Say which features are attributes that are only known as of the export; on a real clock that looks ahead."""
    return [
        Finding(
            name,
            "read_at_export",
            "warn" if ordinal else "block",
            {"ordinal_clock": ordinal},
            stated(
                "It was read at the export and has no history: it may have changed after the outcome.",
            ),
            stated("Declared known_at 'export', and used."),
            stated(
                "Record its changes (attribute_changes), or set features.use_known_at_export to false.",
            ),
        )
        for name in names
    ]
