"""A model beside the present champion, on rows that neither has used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.errors import BundleError, DataError
from models.bundle import Bundle, target_of
from models.fitting.row_weights import row_groups
from models.params import EvaluateParams
from models.quality.metrics import auc, log_loss, paired_auc_gain, paired_log_loss_gain
from pipeline.pages.target_words import WORDS
from pipeline.scoring.snapshots import score_snapshots

__all__ = ["champion_probabilities", "compare", "comparison_sentence", "gate_rows", "same_question"]


def gate_rows(predictions: pd.DataFrame, champion: Bundle | None) -> pd.DataFrame:
    """Pick the rows that the gate may judge by; one row per risk period (the MQL moment).

    Parameters
    ----------
    predictions : DataFrame
        Rows of `predictions.parquet`, all matured.
    champion : Bundle or None
        Its metadata says until when data trained, tuned or calibrated it.

    Returns
    -------
    DataFrame
        The test rows with `snapshot_at` in (champion's `data_used_until`, end): what neither model has used.
    """
    rows = predictions[(predictions["slice"] == "test") & predictions["is_headline"]]
    if champion is not None:
        rows = rows[rows["snapshot_at"] > pd.Timestamp(champion.metadata["data_used_until"])]
    return rows.reset_index(drop=True)


def champion_probabilities(rows: pd.DataFrame, champion: Bundle, canonical: Path) -> np.ndarray:
    """Score rows with the champion, from the canonical tables.

    Parameters
    ----------
    rows : DataFrame
        lead_id, account_id, snapshot_at; may be empty.
    champion : Bundle
        Makes its own features, whatever the other model's are.
    canonical : Path
        Folder of canonical tables.

    Returns
    -------
    ndarray of float64, row for row
    """
    if rows.empty:
        return np.empty(0)
    scored = score_snapshots(champion, canonical, rows[["lead_id", "account_id", "snapshot_at"]])
    return scored["probability"].to_numpy(dtype=np.float64)


def same_question(new: Bundle, old: Bundle, name: str, version: str) -> None:
    """Refuse to compare a model with a champion that predicts something else.

    Raises
    ------
    DataError
        If the targets differ.
    """
    asked, answered = (WORDS[target_of(bundle.metadata)].chance for bundle in (new, old))
    if asked != answered:
        raise DataError(
            f"publish: this model predicts {asked!r}, the champion {name} version {version} predicts {answered!r}. Nothing was "
            "compared. Give each question a name of its own in publish.model_name."
        )


def compare(
    new: Bundle,
    predictions: pd.DataFrame,
    champion: Bundle | BundleError | None,
    version: str | None,
    canonical: Path,
    evaluate: EvaluateParams,
) -> dict[str, Any]:
    """Measure a model and the champion on the same rows: the test's headline rows that are newer than the champion's data.

    Parameters
    ----------
    new : Bundle
        The model.
    predictions : DataFrame
        All rows of its `predictions.parquet`.
    champion : Bundle, BundleError or None
        The champion; why this code can't read it; or None: there is none.
    version : str or None
        The champion's.
    canonical : Path
        Folder of canonical tables.
    evaluate : EvaluateParams
        Bootstrap settings.

    Returns
    -------
    dict
        ``outcome``: ``no_champion``, ``unreadable`` (with ``why``), ``other_question`` (with ``why``), ``no_rows`` or
        ``compared``; ``version``. Where compared, ``rows``, ``positives``, ``first``, ``last``, each model's ``auc`` and
        ``log_loss``, and ``gain``: ``log_loss`` and ``auc`` with value, low, high; above 0 the new model is better.
    """
    found: dict[str, Any] = {"outcome": "no_champion", "version": version}
    if champion is None:
        return found
    if isinstance(champion, BundleError):
        return found | {"outcome": "unreadable", "why": str(champion)}
    try:
        same_question(new, champion, "lead model", str(version))
    except DataError as error:
        return found | {"outcome": "other_question", "why": str(error)}
    rows = gate_rows(predictions, champion)
    labels = rows["label"].to_numpy(dtype=np.float64)
    found |= {"rows": len(rows), "positives": int(labels.sum())}
    if not 0 < labels.sum() < len(rows):
        return found | {"outcome": "no_rows"}
    own = rows["probability"].to_numpy(dtype=np.float64)
    other = champion_probabilities(rows, champion, canonical)
    groups = row_groups(rows)
    return found | {
        "outcome": "compared",
        "first": rows["snapshot_at"].min().isoformat(),
        "last": rows["snapshot_at"].max().isoformat(),
        "model": {"auc": auc(labels, own), "log_loss": log_loss(labels, own)},
        "champion": {"auc": auc(labels, other), "log_loss": log_loss(labels, other)},
        "gain": {
            "log_loss": paired_log_loss_gain(labels, own, other, groups, None, evaluate),
            "auc": paired_auc_gain(labels, own, other, groups, None, evaluate),
        },
    }


def comparison_sentence(found: Mapping[str, Any]) -> str:
    """Say in one Markdown line how the model stands beside the champion."""
    version = f"the champion (version {found['version']})"
    outcome = found["outcome"]
    if outcome == "no_champion":
        return "**Champion:** there was none to compare with."
    if outcome == "unreadable":
        return f"**Champion:** this code can't read {version}, so nothing was compared: {found['why']}"
    if outcome == "other_question":
        return f"**Champion:** not compared. {found['why']}"
    if outcome == "no_rows":
        return (
            f"**Champion:** not compared with {version}: {found['rows']:,} test rows are newer than its data, "
            f"{found['positives']:,} of them positive."
        )
    gain = found["gain"]["log_loss"]
    words = "can't be told apart from"
    if gain["low"] is not None and gain["low"] > 0:
        words = "better than"
    elif gain["high"] is not None and gain["high"] < 0:
        words = "worse than"
    figures = ", ".join(_gain(name, found["gain"][key]) for name, key in (("log loss", "log_loss"), ("AUC", "auc")))
    return (
        f"**Champion:** {words} {version} on {found['rows']:,} test rows newer than its data "
        f"({found['first'][:10]} to {found['last'][:10]}). Gains: {figures}; 95 % intervals, above 0 is better."
    )


def _gain(name: str, gain: Mapping[str, float | None]) -> str:
    if gain["value"] is None or gain["low"] is None:
        return f"{name} can't be told"
    return f"{name} {gain['value']:+.4f} ({gain['low']:+.4f}..{gain['high']:+.4f})"
