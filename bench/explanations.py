"""Exact contributions: the compiled TreeSHAP against LightGBM's own `pred_contrib`, on the present bundle, in one run.

One row at a time (another one each time) and 1,000 rows at once, on one thread; how far both are apart, and what the words
cost. Needs `data/bundle` and `data/features` (`make demo`). Run it with ``python -m bench.explanations``, or with the path of
another LightGBM model of the same features behind it.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import lightgbm
import numpy as np
import pyarrow.parquet as pq

from models.answers.reasons import top_reasons
from models.bundle import Bundle
from models.trees.model_text import read_model_text
from models.trees.read import flat_trees
from models.trees.shap import TreeShap

ROWS = 1_000
SINGLE_ROWS = 300
REPEATS = 5


def seconds(action: Callable[[np.ndarray], object], parts: list[np.ndarray]) -> float:
    """Add up the least time that each part took in some runs: other work on the machine only ever adds."""
    best = np.full(len(parts), np.inf)
    for _ in range(REPEATS):
        for number, part in enumerate(parts):
            begin = time.perf_counter()
            action(part)
            best[number] = min(best[number], time.perf_counter() - begin)
    return float(best.sum())


def compare(booster: lightgbm.Booster, rows: np.ndarray) -> None:
    begin = time.perf_counter()
    shap = TreeShap(flat_trees(read_model_text(booster.model_to_string(num_iteration=-1)).trees), booster.num_feature())
    shap.contributions(rows[:1])
    ready = time.perf_counter() - begin

    def theirs(some: np.ndarray) -> np.ndarray:
        return np.asarray(booster.predict(some, pred_contrib=True, num_threads=1))

    apart = np.abs(shap.contributions(rows) - theirs(rows)).max()
    leaves = sum(tree["num_leaves"] for tree in booster.dump_model()["tree_info"])
    sys.stdout.write(f"{booster.num_trees()} trees, {leaves:,} leaves; ready in {ready:.2f} s; apart {apart:.1e}\n")
    for name, parts in (("one row", [rows[i : i + 1] for i in range(SINGLE_ROWS)]), (f"{len(rows):,} rows", [rows])):
        count = sum(map(len, parts))
        slow, fast = (1e6 * seconds(of, parts) / count for of in (theirs, shap.contributions))
        sys.stdout.write(f"{name:>10}: LightGBM {slow:8.1f} us a row, compiled {fast:7.1f} us, x {slow / fast:.1f}\n")


def main() -> None:
    folder = Path("data")
    if not (folder / "bundle").is_dir():
        raise SystemExit("bench.explanations: no data/bundle. Run make demo first.")
    bundle = Bundle.load(folder / "bundle")
    table = pq.read_table(folder / "features" / "matrix.parquet")
    chosen = np.random.default_rng(1).choice(table.num_rows, ROWS, replace=False)
    rows = np.column_stack([table[name].to_numpy()[chosen].astype(np.float32) for name in bundle.catalog.names])
    path = sys.argv[1] if len(sys.argv) > 1 else None
    compare(lightgbm.Booster(model_file=path) if path else bundle.classifier.booster, rows)

    def words(row: np.ndarray) -> None:
        top_reasons(bundle.classifier.contributions(row)[0], row[0], bundle.catalog, 3, "en")

    each = 1e6 * seconds(words, [rows[i : i + 1] for i in range(SINGLE_ROWS)]) / SINGLE_ROWS
    sys.stdout.write(f"{'a lead':>10}: {each:.0f} us for contributions and three reasons in words\n")


if __name__ == "__main__":
    main()
