"""Detectors of single columns: filled only for one outcome, values of one outcome only, an AUC too good for one column."""

from collections.abc import Mapping

import numpy as np

from models.presentation.catalogues import n_
from pipeline.leakage.audit_table import AuditTable, Profile
from pipeline.leakage.finding import Finding, Severity
from pipeline.leakage.stated import WITHHOLD, stated
from pipeline.leakage.statistics import rate_upper
from pipeline.params import AuditParams

__all__ = ["certain_columns", "fading_columns", "fill_follows_outcome", "is_pure", "pure_values"]

ONLY_FOR = {
    (True, 0): n_("It is filled only for rows without the outcome."),
    (True, 1): n_("It is filled only for rows with the outcome."),
    (False, 0): n_("It is empty only for rows without the outcome."),
    (False, 1): n_("It is empty only for rows with the outcome."),
}
VALUES_ONLY_WITH = {
    0: n_("Some of its values occur only with rows without the outcome."),
    1: n_("Some of its values occur only with rows with the outcome."),
}


def is_pure(exceptions: int, rows: int, elsewhere: float, params: AuditParams) -> bool:
    """Say whether rows have one outcome but for exceptions, and whether that is remarkable.

    Parameters
    ----------
    exceptions, rows : int
        Rows of the other outcome, and all.
    elsewhere : float
        The rate of the other outcome in the whole table.
    params : AuditParams
        The upper bound of the exceptions' rate must lie below `max_exceptions`, and below `exception_ratio` times `elsewhere`.

    Examples
    --------
    >>> is_pure(0, 59, 0.9, AuditParams()), is_pure(0, 58, 0.9, AuditParams()), is_pure(0, 59, 0.1, AuditParams())
    (True, False, False)
    """
    upper = rate_upper(exceptions, rows, params.confidence)
    return upper < params.max_exceptions and upper < params.exception_ratio * elsewhere


def fill_follows_outcome(table: AuditTable, profiles: Mapping[str, Profile], params: AuditParams) -> list[Finding]:
    """Find columns whose being filled, or being empty, decides the outcome; `warn` where it only says a lot.

    A `warn`, too, where being empty means the more frequent outcome: who never did anything has nothing filled in, and did not
    buy either. Whether that was known at the snapshot is for people to say.
    """
    findings = []
    share = float(table.outcome.mean())
    rarer = int(share <= 0.5)
    for name, profile in profiles.items():
        filled = profile.codes > 0
        if filled.all() or not filled.any():
            continue
        for side in (True, False):
            rows = table.outcome[filled == side]
            outcome = int(rows.mean() > 0.5)
            exceptions = int((rows != outcome).sum())
            if is_pure(exceptions, len(rows), (1 - share) if outcome else share, params):
                strength: Severity = "warn" if not side and outcome != rarer else "block"
                findings.append(_fill_finding(name, strength, side, outcome, exceptions, len(rows), profile))
                break
        else:
            if profile.fill_auc.low >= params.suspicious_auc:
                findings.append(
                    Finding(
                        name,
                        "missingness_mirrors_label",
                        "warn",
                        {"fill_auc": profile.fill_auc._asdict(), "filled_share": float(filled.mean())},
                        stated(
                            "Whether it is filled says a lot about the outcome.",
                        ),
                        stated(
                            "Being filled alone reaches an AUC of {auc} (from {low_auc}).",
                            auc=profile.fill_auc.value,
                            low_auc=profile.fill_auc.low,
                        ),
                        stated(WITHHOLD),
                    )
                )
    return findings


def _fill_finding(
    name: str, strength: Severity, side: bool, outcome: int, exceptions: int, rows: int, profile: Profile
) -> Finding:
    return Finding(
        name,
        "fill_follows_outcome",
        strength,
        {"filled": side, "outcome": outcome, "rows": rows, "exceptions": exceptions, "auc": profile.auc._asdict()},
        stated(ONLY_FOR[side, outcome]),
        stated(
            "{rows} rows, {exceptions} exceptions.",
            rows=rows,
            exceptions=exceptions,
        ),
        stated(WITHHOLD),
    )


def pure_values(table: AuditTable, profiles: Mapping[str, Profile], params: AuditParams) -> list[Finding]:
    """Find columns of which some values occur with the rarer outcome only, and hold a good part of it.

    The more frequent outcome proves nothing: who never came can't have bought, and that is honest.
    """
    rarer = int(table.outcome.mean() <= 0.5)
    elsewhere = float((table.outcome != rarer).mean())
    total = int((table.outcome == rarer).sum())
    findings = []
    for name, profile in profiles.items():
        rows = np.bincount(profile.codes)
        exceptions = np.bincount(profile.codes, table.outcome != rarer, len(rows)).astype(np.int64)
        pure = [
            code
            for code in np.flatnonzero(rows)
            if code and is_pure(int(exceptions[code]), int(rows[code]), elsewhere, params)
        ]
        inside = int(rows[pure].sum() - exceptions[pure].sum())
        if total and inside >= params.pure_share * total:
            findings.append(
                Finding(
                    name,
                    "pure_values",
                    "block",
                    {
                        "values": len(pure),
                        "rows": int(rows[pure].sum()),
                        "exceptions": int(exceptions[pure].sum()),
                        "share_of_outcome": inside / total,
                        "outcome": rarer,
                        "auc": profile.auc._asdict(),
                    },
                    stated(VALUES_ONLY_WITH[rarer]),
                    stated(
                        "{values} value(s) hold {share} of those rows, with {exceptions} exceptions among {rows}.",
                        values=len(pure),
                        share=inside / total,
                        exceptions=int(exceptions[pure].sum()),
                        rows=int(rows[pure].sum()),
                    ),
                    stated(WITHHOLD),
                )
            )
    return findings


def certain_columns(profiles: Mapping[str, Profile], params: AuditParams) -> list[Finding]:
    """Find columns whose AUC alone is better than any honest column's."""
    return [
        Finding(
            name,
            "certain_auc",
            "block",
            {"auc": profile.auc._asdict()},
            stated("It alone predicts the outcome almost surely."),
            stated(
                "Single-column AUC {auc} (from {low_auc}).",
                auc=profile.auc.value,
                low_auc=profile.auc.low,
            ),
            stated(WITHHOLD),
        )
        for name, profile in profiles.items()
        if profile.auc.low >= params.certain_auc
    ]


def fading_columns(profiles: Mapping[str, Profile], params: AuditParams) -> list[Finding]:
    """Find columns that know outcomes about to come and say little of later ones: often part of the outcome's own making."""
    findings = []
    for name, profile in profiles.items():
        near, far = profile.near, profile.far
        if near is None or far is None or not (near.low >= params.suspicious_auc > far.high):
            continue
        findings.append(
            Finding(
                name,
                "sharpens_before_outcome",
                "warn",
                {"near_auc": near._asdict(), "far_auc": far._asdict()},
                stated(
                    "It knows outcomes that are about to come, and little of later ones.",
                ),
                stated(
                    "AUC {near_auc} for the sooner half of the outcomes, {far_auc} for the later half.",
                    near_auc=near.value,
                    far_auc=far.value,
                ),
                stated(WITHHOLD),
            )
        )
    return findings
