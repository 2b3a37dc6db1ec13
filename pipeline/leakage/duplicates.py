"""Detectors of rows that training and test share."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.leakage.finding import Finding, Severity, Words
from pipeline.pages.audit_words import words
from pipeline.params import AuditParams

__all__ = ["repeated_rows", "straddling"]

LESS: dict[Severity, Severity] = {"block": "warn", "warn": "info", "info": "info"}
MERGE = Words("Merge duplicates before the split.", "Dubletten vor der Teilung zusammenführen.")


def repeated_rows(
    rows: pd.DataFrame,
    is_test: np.ndarray,
    telling: np.ndarray,
    params: AuditParams,
    worst: Severity = "block",
) -> list[Finding]:
    """Find test rows that repeat a training row under another id.

    Parameters
    ----------
    rows : DataFrame
        What identifies a lead without its id: attributes, moments, the journey.
    is_test : ndarray of bool [rows]
        Test rows; all others train.
    telling : ndarray of bool [rows]
        Rows that say enough to be one lead's alone; the others may agree by chance.
    params : AuditParams
        Uses duplicate_share.
    worst : {"block", "warn", "info"}
        Severity from that share of the test rows on; below it is one less.
    """
    keys = pd.util.hash_pandas_object(rows.astype("string").fillna(""), index=False).to_numpy()
    train = np.unique(keys[~is_test & telling])
    test = is_test & telling
    repeated = int(np.isin(keys[test], train).sum())
    if not repeated:
        return []
    share = repeated / int(is_test.sum())
    return [
        Finding(
            "table:leads",
            "duplicates_across_split",
            worst if share >= params.duplicate_share else LESS[worst],
            {"test_rows": repeated, "share": share},
            Words(
                "Test rows repeat training rows under another id.",
                "Testzeilen wiederholen Trainingszeilen unter anderer Kennung.",
            ),
            words("{count} test rows, {share}.", "{count} Testzeilen, {share}.", count=repeated, share=share),
            MERGE,
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
            Words("The same are in training and in test.", "Dieselben sind in Training und Test."),
            words("{count} of {total}.", "{count} von {total}.", count=both, total=len(names)),
            Words("Read the metrics on unseen accounts, too.", "Auch die Kennzahlen für ungesehene Unternehmen lesen.")
            if intended
            else Words("Set split.mode to grouped.", "split.mode auf grouped setzen."),
        )
    ]
