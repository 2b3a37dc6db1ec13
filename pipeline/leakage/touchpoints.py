"""Detectors of kinds and channels of touchpoints that know the outcome."""

import numpy as np
import pandas as pd
from scipy.stats import poisson

from models.presentation.catalogues import n_
from pipeline.leakage.counts import BEFORE_DAYS, JUST_BEFORE_DAYS
from pipeline.leakage.finding import Finding
from pipeline.leakage.stated import stated
from pipeline.leakage.values import is_pure
from pipeline.params import AuditParams
from pipeline.tables.json_files import records

__all__ = ["after_outcome", "future_touchpoints", "rushing_touchpoints", "telling_touchpoints"]

LEAVE_OUT = n_(
    "Find out what writes it. If the outcome does, leave it out in the source's SQL, or give it its moment of recording.",
)
RUSH = 10.0  # times the pace of the four weeks before: behaviour warms up, an automatic entry explodes


def after_outcome(counts: pd.DataFrame, visible: pd.DataFrame, params: AuditParams) -> list[Finding]:
    """Find kinds and channels that occur only after a lead's qualification.

    Withheld where no labelled snapshot sees one: the boundary of the snapshot keeps it out of every feature.

    Parameters
    ----------
    counts, visible : DataFrame
        As `pipeline.leakage.counts` gives them.
    """
    findings = []
    seen = set(zip(visible["field"], visible["value"], strict=True))
    for field, group in counts.groupby("field", sort=True):
        elsewhere = 1.0 - group["after_outcome"].sum() / group["touchpoints"].sum()
        for row in records(group):
            rows, after = int(row["touchpoints"]), int(row["after_outcome"])
            if not is_pure(rows - after, rows, elsewhere, params):
                continue
            is_seen = (field, row["value"]) in seen
            findings.append(
                Finding(
                    f"{field}:{row['value']}",
                    "only_after_outcome",
                    "block",
                    {"touchpoints": rows, "exceptions": rows - after, "elsewhere_share_after": 1.0 - elsewhere},
                    stated("It occurs only after a qualification."),
                    stated(
                        "{rows} touchpoints, {exceptions} of them not after one; of all {share} come after one.",
                        rows=rows,
                        exceptions=rows - after,
                        share=1.0 - elsewhere,
                    ),
                    stated(LEAVE_OUT),
                    status="open" if is_seen else "withheld",
                )
            )
    return findings


def telling_touchpoints(visible: pd.DataFrame, label: np.ndarray, params: AuditParams) -> list[Finding]:
    """Find kinds and channels whose being visible at a snapshot decides the rarer outcome."""
    rarer = int(label.mean() <= 0.5)
    elsewhere = float((label != rarer).mean())
    findings = []
    for (field, value), group in visible.groupby(["field", "value"], sort=True):
        outcomes = label[group["row"].to_numpy()]
        exceptions = int((outcomes != rarer).sum())
        if is_pure(exceptions, len(outcomes), elsewhere, params):
            findings.append(
                Finding(
                    f"{field}:{value}",
                    "tells_outcome",
                    "block",
                    {"snapshots": len(outcomes), "exceptions": exceptions},
                    stated("Whoever has it has the same outcome."),
                    stated(
                        "{rows} snapshots see it, {exceptions} of them with the other outcome.",
                        rows=len(outcomes),
                        exceptions=exceptions,
                    ),
                    stated(LEAVE_OUT),
                )
            )
    return findings


def rushing_touchpoints(counts: pd.DataFrame, params: AuditParams) -> list[Finding]:
    """Find kinds and channels whose pace explodes on the last day before a qualification: part of its being entered."""
    findings = []
    for row in records(counts):
        usual = max(int(row["before"]), 1) * JUST_BEFORE_DAYS / (BEFORE_DAYS - JUST_BEFORE_DAYS)
        times = int(row["just_before"]) / usual
        if times < RUSH or poisson.sf(int(row["just_before"]) - 1, RUSH * usual) >= params.rarity:
            continue
        findings.append(
            Finding(
                f"{row['field']}:{row['value']}",
                "rushes_before_outcome",
                "warn",
                {"last_day": int(row["just_before"]), "days_before": int(row["before"]), "times_the_pace": times},
                stated(
                    "Its pace explodes on the last day before a qualification.",
                ),
                stated(
                    "{last} on the last day, {before} on the {days} days before.",
                    last=int(row["just_before"]),
                    before=int(row["before"]),
                    days=BEFORE_DAYS - JUST_BEFORE_DAYS,
                ),
                stated(LEAVE_OUT),
            )
        )
    return findings


def future_touchpoints(counts: pd.DataFrame, params: AuditParams) -> list[Finding]:
    """Find kinds and channels with touchpoints at or after the export: no export can hold them. A few are dirt, an `info`."""
    return [
        Finding(
            f"{row['field']}:{row['value']}",
            "future_times",
            "warn" if row["in_future"] >= params.future_share * row["touchpoints"] else "info",
            {"touchpoints": int(row["in_future"])},
            stated("Some lie at or after the export."),
            stated("Touchpoints: {count}.", count=int(row["in_future"])),
            stated(LEAVE_OUT),
        )
        for row in records(counts)
        if row["in_future"]
    ]
