"""Detectors that compare columns: one that outweighs all others together, and companions of one that knows the outcome."""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from pipeline.leakage.audit_table import AuditTable, Profile
from pipeline.leakage.finding import Finding, Severity
from pipeline.leakage.stated import WITHHOLD, stated
from pipeline.leakage.statistics import (
    Auc,
    auc_gain,
    column_codes,
    numbers,
    shared_information,
    stratified_auc,
    time_strata,
)
from pipeline.params import AuditParams

__all__ = ["companions", "outweighing_columns"]

FOLDS = 3
MIN_OTHERS = 3  # against fewer other columns, an honest one may well be the best
MAX_CODES = 200  # rarer values of a category share one code; the trees take up to 255
TWINS = 0.9  # rank correlation from which a column says the same as the candidate
TRIED = 8  # columns at most: each takes trees of its own


def outweighing_columns(
    table: AuditTable, profiles: Mapping[str, Profile], known: Collection[str], params: AuditParams
) -> list[Finding]:
    """Find columns that alone predict the outcome better than all other columns together.

    `block` from `excellent_auc` on; below it a `warn`, for among weak columns an honest one may well be the best. Only columns
    whose AUC is suspicious are tried, the best first. The others exclude those in `known` (they know the outcome already),
    twins of the candidate, and whatever reaches `excellent_auc` by itself: two leaks would hide one another.
    """
    strata = time_strata(table.order, table.label)
    left = [name for name in profiles if name not in known]
    excellent = {name for name in left if profiles[name].auc.low >= params.excellent_auc}
    suspicious = [name for name in left if profiles[name].auc.low >= params.suspicious_auc]
    findings: list[Finding] = []
    for name in sorted(suspicious, key=lambda name: -profiles[name].auc.value)[:TRIED]:
        if name not in excellent and any(finding.strength == "warn" for finding in findings):
            break  # the best of the ordinary ones is found; the next has it among its others
        others = [
            other
            for other in left
            if other != name and other not in excellent and not _twins(profiles[name], profiles[other])
        ]
        frame = (
            table.columns[others] if table.beside is None else pd.concat([table.columns[others], table.beside], axis=1)
        )
        if len(frame.columns) < MIN_OTHERS:
            continue
        rest = _out_of_fold(frame, table.label)
        gain = auc_gain(profiles[name].rates, rest, table.label, strata, params.confidence)
        if gain.low > 0:
            reached = stratified_auc(rest, table.label, strata, params.confidence)
            strength: Severity = "block" if name in excellent else "warn"
            findings.append(_outweighing(name, strength, profiles[name], reached.value, gain, len(frame.columns)))
        elif name not in excellent:
            break  # weaker ones can't beat what a better one does not
    return findings


def _outweighing(name: str, strength: Severity, profile: Profile, rest: float, gain: Auc, others: int) -> Finding:
    return Finding(
        name,
        "outweighs_the_rest",
        strength,
        {"auc": profile.auc._asdict(), "rest_auc": rest, "gain": gain._asdict(), "others": others},
        stated(
            "It alone predicts the outcome better than all other columns together.",
        ),
        stated(
            "AUC {auc} alone, {rest_auc} for the {others} others together; difference at least {low_value}.",
            auc=profile.auc.value,
            rest_auc=rest,
            others=others,
            low_value=gain.low,
        ),
        stated(WITHHOLD),
    )


def _twins(one: Profile, two: Profile) -> bool:
    return bool(abs(pd.Series(one.rates).corr(pd.Series(two.rates), method="spearman")) >= TWINS)


def _plain(values: pd.Series) -> tuple[np.ndarray, bool]:
    """Give a column as numbers for the trees, and whether they are categories."""
    found = numbers(values)
    if found is not None:
        return found.to_numpy(), False
    codes = column_codes(values)
    rank = np.argsort(np.argsort(-np.bincount(codes), kind="stable"), kind="stable")
    return np.minimum(rank[codes], MAX_CODES).astype(float), True


def _out_of_fold(frame: pd.DataFrame, label: np.ndarray, seed: int = 0) -> np.ndarray:
    """Predict each row by gradient-boosted trees that saw other rows only."""
    plain = [_plain(frame[name]) for name in frame.columns]
    matrix = np.column_stack([values for values, _ in plain])
    fold = np.random.default_rng(seed).permutation(len(label)) % FOLDS
    scores = np.empty(len(label))
    for k in range(FOLDS):
        used = fold != k
        trees = HistGradientBoostingClassifier(
            max_iter=100, random_state=seed, categorical_features=[is_category for _, is_category in plain]
        )
        # On a busy machine threads that wait for one another take minutes; alone, one thread takes seconds.
        with threadpool_limits(limits=1):
            trees.fit(matrix[used], label[used])
            scores[~used] = trees.predict_proba(matrix[~used])[:, 1]
    return scores


def companions(
    table: AuditTable,
    profiles: Mapping[str, Profile],
    anchors: Collection[str],
    known: Collection[str],
    params: AuditParams,
) -> list[Finding]:
    """Find columns that speak of the same as one whose values know the outcome, beyond what the outcome explains.

    Who writes a status when the outcome is known writes the fields beside it then, too: also those whose own AUC is ordinary.
    Only rows in which both are filled are compared, so that a shared form, or a shared gap, counts for nothing; and only those
    of one stratum of time, for who is on duty changes with it. Columns in `known` are found already.

    `block` only where the column's own filling or values follow the outcome, else `warn`: a field that is written after success
    may be a copy of what was honestly known before. Where both share their information with either outcome, any AUC above one
    half will do; where with one outcome only, as with a field that is filled after success, it takes `companion_auc`.
    """
    findings = []
    strata = time_strata(table.order, table.label)
    for name, profile in profiles.items():
        if name in known:
            continue
        best = max(
            ((_shared(table, strata, profile, profiles[anchor]), anchor) for anchor in anchors), default=(0.0, "")
        )
        if best[0] < params.companion_share:
            continue
        shared = [_shared(table, strata, profile, profiles[best[1]], outcome) for outcome in (0, 1)]
        either_way = min(shared) >= params.companion_share
        least = 0.5 if either_way else params.companion_auc
        follows = any(auc.low > 0.5 and auc.value >= least for auc in (profile.auc, profile.fill_auc))
        findings.append(_companion(name, best[1], best[0], either_way, follows, profile))
    return findings


def _companion(name: str, anchor: str, shared: float, either_way: bool, follows: bool, profile: Profile) -> Finding:
    return Finding(
        name,
        "companion",
        "block" if follows else "warn",
        {
            "with": anchor,
            "shared": shared,
            "with_either_outcome": either_way,
            "auc": profile.auc._asdict(),
            "fill_auc": profile.fill_auc._asdict(),
        },
        stated(
            "It goes with {anchor}, which knows the outcome: both seem to be written at the same time.", anchor=anchor
        )
        if follows
        else stated(
            "It goes with {anchor}, which knows the outcome, but hardly follows the outcome itself: {anchor} may be copied "
            "from it.",
            anchor=anchor,
        ),
        stated(
            "Among rows of the same outcome and time they share {share} of their information; AUC {auc}, of being filled "
            "{fill_auc}.",
            share=shared,
            auc=profile.auc.value,
            fill_auc=profile.fill_auc.value,
        ),
        stated(WITHHOLD),
    )


def _shared(table: AuditTable, strata: np.ndarray, one: Profile, two: Profile, outcome: int | None = None) -> float:
    """Share of information among rows in which both are filled; with an outcome: of its rows only."""
    rows = (one.codes > 0) & (two.codes > 0)
    if outcome is not None:
        rows &= table.outcome == outcome
    groups = table.outcome + 2 * strata
    return shared_information(one.codes[rows], two.codes[rows], groups[rows]) if rows.any() else 0.0
