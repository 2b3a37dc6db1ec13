"""Detectors of rows that training and test share."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import poisson

from models.presentation.catalogues import n_
from pipeline.leakage.chance import agreement_by_chance
from pipeline.leakage.finding import Finding, Severity
from pipeline.leakage.stated import stated
from pipeline.params import AuditParams

__all__ = ["repeated_rows", "straddling"]

LESS: dict[Severity, Severity] = {"block": "warn", "warn": "info", "info": "info"}
TELLING = 0.05  # chance of an equal training row below which a repetition says something
JUMP = 4.0  # times what chance gives: where few rows share a value, that may be three times too low
MERGE = n_("Merge duplicates before the split.")


def repeated_rows(
    rows: pd.DataFrame,
    is_test: np.ndarray,
    telling: np.ndarray,
    params: AuditParams,
    worst: Severity = "block",
) -> list[Finding]:
    """Find test rows that repeat a training row under another id, more often than chance repeats them.

    Rows of a few categories repeat one another all the time. So only rows count that hardly have an equal by chance, and
    nothing is said unless they repeat at least four times as often as all their chances together say.

    Parameters
    ----------
    rows : DataFrame
        What identifies a lead without its id: attributes, moments, the journey.
    is_test : ndarray of bool [rows]
        Test rows; all others train.
    telling : ndarray of bool [rows]
        Rows that say enough to be one lead's alone; the others may agree by chance.
    params : AuditParams
        Uses duplicate_share and rarity.
    worst : {"block", "warn", "info"}
        Severity from that share of the test rows on, less what chance gives; below it is one less.
    """
    text = rows.astype("string").fillna("")
    keys = pd.util.hash_pandas_object(text, index=False).to_numpy()
    train, test = ~is_test & telling, is_test & telling
    repeated = np.isin(keys[test], np.unique(keys[train]))
    if not repeated.any():
        return []
    chance = agreement_by_chance(text, keys, train, test)
    hardly = chance < TELLING
    count, by_chance = int((repeated & hardly).sum()), float(chance[hardly].sum())
    if count <= JUMP * by_chance or poisson.sf(count - 1, by_chance) >= params.rarity:
        return []
    share = count / int(is_test.sum())
    beyond = (count - by_chance) / int(is_test.sum())
    return [
        Finding(
            "table:leads",
            "duplicates_across_split",
            worst if beyond >= params.duplicate_share else LESS[worst],
            {"test_rows": count, "share": share, "expected_by_chance": by_chance},
            stated(
                "Test rows repeat training rows under another id, more often than chance does.",
            ),
            stated(
                "{count} test rows, {share}; by chance it would be {expected}.",
                count=count,
                share=share,
                expected=round(by_chance),
            ),
            stated(MERGE),
        )
    ]


def straddling(ids: Sequence[object], is_test: np.ndarray, field: str, *, intended: bool) -> list[Finding]:
    """Find leads or accounts on both sides of the split; an `info` where the split is by time and means them to be."""
    codes, names = pd.factorize(np.asarray(ids, dtype=object))
    known = codes >= 0
    sides = [np.bincount(codes[known & side], minlength=len(names)) > 0 for side in (is_test, ~is_test)]
    both = int((sides[0] & sides[1]).sum())
    if not both:
        return []
    return [
        Finding(
            f"split:{field}",
            "straddles_split",
            "info" if intended else "block",
            {"on_both_sides": both, "all": len(names)},
            stated("The same are in training and in test."),
            stated("{count} of {total}.", count=both, total=len(names)),
            stated("Read the metrics on unseen accounts, too.") if intended else stated("Set split.mode to grouped."),
        )
    ]
