"""Stage `segments`: the test by month, channel, account size and the like, fairness, and how far the population moved."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from rich.table import Table

from models.bundle import Bundle
from models.calibration.capacity import capacity_rows
from models.calibration.tiers import tier
from models.fitting.prior_correction import population_weights
from models.fitting.recipe import row_groups
from models.monitoring.stability import population_stability
from models.params import EvaluateParams
from models.quality.fairness import fairness
from models.quality.segments import segments
from pipeline.console import console, run_main
from pipeline.matrix.segment_rows import ALL, plot_rows
from pipeline.matrix.segments import segment_values
from pipeline.params import SegmentsParams, load_params
from pipeline.tables.json_files import write_json
from pipeline.tables.parquet import read_table

__all__ = ["SECTIONS", "main", "measure_segments", "population"]

SECTIONS = ("capacity", "evaluate", "paths", "segments")
TOP = 12


def measure_segments(
    canonical: Path,
    predictions: pd.DataFrame,
    cutoffs: dict[str, float],
    capacity: int,
    params: SegmentsParams,
    evaluate: EvaluateParams,
    rates: tuple[float, float | None] = (0.5, None),
) -> dict[str, Any]:
    """Measure the test's headline rows by segment, and compare how segments are treated.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    predictions : DataFrame
        All rows of `predictions.parquet`.
    cutoffs : dict
        Of the tiers.
    capacity : int
        Rows that sales can work, of the test's headline rows.
    params : SegmentsParams
        By what to cut.
    evaluate : EvaluateParams
        Bootstrap settings.
    rates : pair of float
        Share of positives among the rows trained on, and in the population; None: the same, and all rows count the same.

    Returns
    -------
    dict
        ``min_positives``, ``all`` (rows as one segment), ``by`` and ``fairness``, as `models.quality.segments.segments` and
        `models.quality.fairness.fairness` return them, and how many gaps were looked at (``compared``), lie apart from
        0 (``apart``), and still do among so many (``flagged``).

    Raises
    ------
    ParameterError
        If the source has no such dimension.
    """
    headline = predictions[predictions["is_headline"]]
    test = headline[headline["slice"] == "test"].reset_index(drop=True)
    training = headline[headline["slice"] == "train"]
    labels = test["label"].to_numpy(dtype=np.float64)
    probability = test["probability"].to_numpy(dtype=np.float64)
    groups = row_groups(test)
    weights = population_weights(labels, *rates)
    by = segment_values(canonical, test, training, params.by)
    measured = segments(labels, probability, groups, by, capacity, evaluate, params.min_positives, weights)
    whole: pd.Categorical[Any] = pd.Categorical([ALL] * len(test))
    overall = segments(labels, probability, groups, {ALL: whole}, capacity, evaluate, params.min_positives, weights)[
        ALL
    ][0]
    protected = segment_values(canonical, test, training, params.fairness, "segments.fairness")
    tier_ab = np.isin(tier(probability, cutoffs), ("A", "B"))
    cells = [cell for found in measured.values() for cell in found if cell["measured"]]
    return {
        "min_positives": params.min_positives,
        "compared": len(cells),
        "apart": sum(cell["apart"] for cell in cells),
        "flagged": sum(cell["flagged"] for cell in cells),
        "all": overall,
        "by": measured,
        "fairness": fairness(
            labels, probability, groups, protected, capacity, tier_ab, evaluate, params.min_positives, weights
        ),
    }


def population(predictions: pd.DataFrame, matrix: Path, bundle: Bundle) -> list[dict[str, Any]]:
    """Compare the test's headline rows with those of training: the probability, and the most used features.

    Parameters
    ----------
    predictions : DataFrame
        All rows of `predictions.parquet`.
    matrix : Path
        `matrix.parquet`.
    bundle : Bundle
        Says which features are used most.

    Returns
    -------
    list of dict
        ``feature`` (``probability`` first), ``psi``, ``chance``, and the features' ``text_en`` and ``text_de``.
    """
    gains = bundle.classifier.importance()
    names = sorted((name for name in gains if gains[name] > 0), key=lambda name: (-gains[name], name))[:TOP]
    headline = predictions.loc[
        predictions["is_headline"] & predictions["slice"].isin(("train", "test")),
        ["lead_id", "snapshot_at", "slice", "probability"],
    ]
    columns = pq.read_table(matrix, columns=["lead_id", "snapshot_at", *names]).to_pandas()
    rows = headline.merge(columns, on=["lead_id", "snapshot_at"], how="left", validate="one_to_one")
    words = {feature.name: feature for feature in bundle.catalog.features}
    found = []
    for name in ("probability", *names):
        before, after = (rows.loc[rows["slice"] == part, name].to_numpy(dtype=np.float64) for part in ("train", "test"))
        text = {f"text_{code}": words[name].meaning(code) for code in ("en", "de")} if name in words else {}
        found.append({"feature": name, **population_stability(before, after), **text})
    return found


def main() -> None:
    """Read predictions and the bundle, write `segments.json` and the plot rows of segments."""
    params = load_params(SECTIONS)
    data = params.paths.data_dir
    bundle = Bundle.load(data / "bundle")
    predictions = read_table(data / "predictions.parquet", "predictions").to_pandas()
    test = predictions[(predictions["slice"] == "test") & predictions["is_headline"]]
    with console.status("measuring by segment"):
        result = measure_segments(
            data / "canonical",
            predictions,
            bundle.cutoffs,
            capacity_rows(test, params.capacity),
            params.segments,
            params.evaluate,
            (bundle.metadata["base_rate"], bundle.metadata["population_rate"]),
        )
        result["population"] = population(predictions, data / "features" / "matrix.parquet", bundle)
    write_json(data / "segments.json", result)
    for name, rows in plot_rows(result).items():
        write_json(params.paths.plots_dir / f"{name}.json", rows)
    console.print(_summary(result))
    console.print(
        f"calibration gaps: {result['apart']} of {result['compared']} segments apart from 0 by their own interval, "
        f"{result['flagged']} after Holm's correction"
    )


def _summary(result: dict[str, Any]) -> Table:
    table = Table(title="test by segment")
    table.add_column("segments by")
    for name in ("values", "measured", "AUC, lowest to highest", "largest calibration gap"):
        table.add_column(name, justify="right")
    for dimension, cells in result["by"].items():
        measured = [cell for cell in cells if cell["measured"]]
        aucs = [cell["auc"]["value"] for cell in measured if cell["auc"]["value"] is not None]
        gap = max((cell["calibration_gap"]["value"] for cell in measured), key=abs, default=None)
        table.add_row(
            dimension,
            str(len(cells)),
            str(len(measured)),
            f"{min(aucs):.3f}..{max(aucs):.3f}" if aucs else "too few",
            "-" if gap is None else f"{gap:+.3f}",
        )
    return table


if __name__ == "__main__":
    run_main(main)
