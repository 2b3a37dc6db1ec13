"""Behaviour against the size of training, on sets of today's size (`curve`) and on short histories (as a command).

    python -m bench.models.learning_curve [--quick] [--record]
    python -m bench.models.learning_curve --sets saas_logins olist ... [--as-is] [--record]

The command draws 50 to 6,400 leads of a simulated company; 200, 800 and all leads of real sets; or 50 to 400 and all of
companies that come as an export (`bench.models.short_histories`, `bench.models.exports`). It writes a table and picture, names
every target that is missed, and goes on where it was stopped: every draw is written as soon as it is measured. `--quick` stops
after 20 minutes. How many hours the rest takes is reckoned from the draws measured so far.

`curve` measures the product, logistic regression and the Odoo formula from 50 positive leads up.
Leads are drawn from the rows before the test, several times per size; the test stays as it is. A small training has no room for
slices of its own for stopping and calibration, so at every size the product cross-fits in time, with as many folds as the draw
bears. The features' buyer profile was learned from all training leads; nothing else of the leads left out is used.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from bench.models.contenders import predict_baselines, predict_product
from bench.models.sets import SETS, ModelSet, load_set
from bench.results import record
from features.errors import DataError
from models.fitting.row_weights import row_groups
from models.fitting.splits import FITTED
from models.quality.metrics import evaluate
from pipeline.console import console, progress, run_main
from pipeline.tables.json_files import write_json

RESULTS = Path("bench/results")
SIMULATED = "simulated company"
QUICK_SECONDS = 1_100

__all__ = ["CURVE", "POSITIVES", "curve", "curve_table", "draw_leads", "main", "predictions", "sizes"]

CURVE = {"product": "product", "logistic_regression": "logistic regression", "odoo_formula": "Odoo formula"}
POSITIVES = (50, 100, 200, 500, 1000, 2000, 5000)
FOLDS = (5, 3, 2)
SEED = 23


def draw_leads(some: ModelSet, leads: np.ndarray) -> ModelSet:
    """Keep the rows of some leads before the test, and the test; the product cross-fits."""
    kept = some.frame["lead_id"].isin(leads).to_numpy() & some.frame["slice"].isin(FITTED).to_numpy()
    test = np.zeros(len(some.frame), dtype=bool)
    test[some.test] = True
    rows = np.flatnonzero(kept | test)
    frame = some.frame.iloc[rows].reset_index(drop=True)
    frame["slice"] = np.where(test[rows], "test", "train")
    split = some.params.split.model_copy(update={"cross_fit_folds": FOLDS[0]})
    params = some.params.model_copy(update={"split": split})
    return replace(some, matrix=some.matrix[rows], frame=frame, params=params)


def positive_leads(some: ModelSet) -> tuple[np.ndarray, np.ndarray]:
    """List the leads before the test, and whether each is ever positive."""
    fitted = some.frame.iloc[some.fitted]
    ever = fitted.groupby(fitted["lead_id"].astype(object), sort=True)["label"].max()
    return ever.index.to_numpy(), ever.to_numpy(dtype=bool)


def sizes(positives: int) -> tuple[int, ...]:
    """Choose the sizes that a set has, and all of it.

    Examples
    --------
    >>> sizes(632)
    (50, 100, 200, 500, 632)
    """
    return (*(size for size in POSITIVES if size < positives), positives)


def draws_of(size: int, positives: int) -> int:
    """Draw small sizes more often: they differ more. All of the set is there once.

    Examples
    --------
    >>> draws_of(50, 632), draws_of(500, 632), draws_of(632, 632)
    (5, 3, 1)
    """
    return 1 if size == positives else 5 if size <= 200 else 3 if size <= 1000 else 2


def predictions(some: ModelSet) -> dict[str, np.ndarray]:
    """Fit the three on a draw and predict its test; the product with the most folds that the draw bears.

    Raises
    ------
    DataError
        The product can't be fitted even with two folds.
    """
    baselines = predict_baselines(some)
    found = {name: baselines[name] for name in CURVE if name in baselines}
    return {"product": _with_most_folds(some, FOLDS), **found}


def _with_most_folds(some: ModelSet, folds: tuple[int, ...]) -> np.ndarray:
    split = some.params.split.model_copy(update={"cross_fit_folds": folds[0]})
    params = some.params.model_copy(update={"split": split})
    try:
        return predict_product(replace(some, params=params), params.train)
    except DataError:
        if len(folds) == 1:
            raise
        return _with_most_folds(some, folds[1:])


def curve(some: ModelSet) -> list[dict[str, Any]]:
    """Measure every size.

    Returns
    -------
    list of dict
        One per size: positives, leads (mean over draws), draws, unfitted (draws that the product can't be fitted on), and per
        contender ``auc`` and ``log_loss``, each the mean over draws of value, low and high.
    """
    leads, ever = positive_leads(some)
    labels, groups = some.labels[some.test], row_groups(some.frame.iloc[some.test])
    total = int(ever.sum())
    points = []
    for size in sizes(total):
        measured: list[dict[str, Any]] = []
        used, unfitted = [], 0
        for draw in range(draws_of(size, total)):
            order = np.random.default_rng([SEED, size, draw]).permutation(len(leads))
            chosen = order[: int(np.searchsorted(np.cumsum(ever[order]), size)) + 1] if size < total else order
            try:
                found = predictions(draw_leads(some, leads[chosen]))
            except DataError:
                unfitted += 1
                continue
            used.append(len(chosen))
            params = some.params.evaluate
            measured.append({n: evaluate(labels, p, groups, None, some.capacity, params) for n, p in found.items()})
        point = {"positives": size, "draws": len(measured), "unfitted": unfitted}
        if measured:
            point["leads"] = int(np.mean(used))
            point |= {
                name: {
                    metric: {
                        end: float(np.mean([m[name][metric][end] for m in measured]))
                        for end in ("value", "low", "high")
                    }
                    for metric in ("auc", "log_loss")
                }
                for name in CURVE
            }
        points.append(point)
    return points


def curve_table(name: str, points: list[dict[str, Any]]) -> Table:
    """Lay out a curve; one row per size."""
    table = Table(title=f"{name}: against training size, means over draws of values and of 95 % intervals")
    table.add_column("positive leads", justify="right")
    for metric in ("log loss", "AUC"):
        for words in CURVE.values():
            table.add_column(f"{metric}\n{words}", justify="right")
    for point in points:
        cells = [
            f"{point[contender][metric]['value']:.3f}\n[dim]{point[contender][metric]['low']:.3f}..{point[contender][metric]['high']:.3f}[/dim]"
            if contender in point
            else "-"
            for metric in ("log_loss", "auc")
            for contender in CURVE
        ]
        missing = f"\n[dim]{point['unfitted']} draws too small[/dim]" if point["unfitted"] else ""
        table.add_row(f"{point['positives']:,}{missing}", *cells)
    return table


def main() -> None:
    """Measure the draws that are missing, then print, write and draw what there is."""
    # What `curve` needs no simulated company for must not import one
    from bench.models.exports import EXPORTS, load_export
    from bench.models.short_histories import (
        DRAWS,
        EXPORT_DRAWS,
        EXPORT_QUICK,
        QUICK,
        SET_DRAWS,
        SET_QUICK,
        hours_left,
        measure,
        simulated_company,
        summary,
    )
    from bench.models.short_histories_table import markdown, missed, picture_of_sets_png, picture_png, recorded

    parser = argparse.ArgumentParser(prog="python -m bench.models.learning_curve")
    parser.add_argument("--quick", action="store_true", help="few draws, at most 20 minutes")
    parser.add_argument("--sets", nargs="+", choices=[*SETS, *EXPORTS], default=[], help="draws of real sets instead")
    parser.add_argument("--as-is", action="store_true", help="of sets: take the features that are there; run no stage")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/results.json")
    arguments = parser.parse_args()
    begin = time.monotonic()
    name = "learning_curve" + ("_sets" if arguments.sets else "") + ("_quick" if arguments.quick else "")
    file = RESULTS / f"{name}.json"
    done: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["draws"] if file.exists() else []
    there = {(one["set"], one["leads"], one["draw"]) for one in done}
    late = False
    with progress() as bar:
        task = bar.add_task("draws")
        for of_set in arguments.sets or [SIMULATED]:
            few, many = (EXPORT_QUICK, EXPORT_DRAWS) if of_set in EXPORTS else (SET_QUICK, SET_DRAWS)
            if of_set == SIMULATED:
                some, few, many = simulated_company(Path.cwd()), QUICK, DRAWS
            elif of_set in EXPORTS:
                some = load_export(Path.cwd(), of_set)
            else:
                some = load_set(Path.cwd(), of_set, arguments.as_is)
            plan: dict[int, int] = few if arguments.quick else many
            leads_there = some.frame["lead_id"].iloc[some.fitted].nunique()
            plan_of_set = {size: times for size, times in plan.items() if size < leads_there}
            if arguments.sets:
                plan_of_set[leads_there] = 1
            for leads, draws in plan_of_set.items():
                for draw in range(draws):
                    late = late or (arguments.quick and time.monotonic() - begin > QUICK_SECONDS)
                    if late or (of_set, leads, draw) in there:
                        continue
                    bar.update(task, description=f"{of_set}: {leads:,} leads, draw {draw + 1}")
                    done.append({"set": of_set, "draw": draw, **measure(some, leads, draw)})
                    write_json(file, {"draws": done})
    rows = summary(done)
    text = "\n".join([markdown(rows), "", *missed(rows)])
    file.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    file.with_suffix(".png").write_bytes(picture_of_sets_png(rows) if arguments.sets else picture_png(rows))
    if arguments.record:
        record("short_histories", recorded(rows))
    console.print(text, markup=False, soft_wrap=True)
    console.print(
        f"{sum(row['seconds'] for row in rows) / 3600:.2f} hours of draws; written: {file}, .md and .png beside it"
    )
    if not arguments.sets:
        console.print(f"the full form takes {hours_left(rows, DRAWS):.1f} more hours at the seconds measured here")


if __name__ == "__main__":
    run_main(main)
