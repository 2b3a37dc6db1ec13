"""What a study found, as a table for people."""

import optuna
from rich.table import Table

from models.params import TrainParams
from pipeline.tuning.search import present_values
from pipeline.tuning.study import SEARCHED, best_trials, completed

__all__ = ["summary"]


def summary(study: optuna.Study, base: TrainParams, budget_ms: float) -> Table:
    """Lay out the present parameters, the best ones within the budget and the best ones without."""
    within, free = best_trials(study)
    present = next((t for t in completed(study) if t.params == present_values(base)), None)
    counts = [trial.state.name.lower() for trial in study.get_trials(deepcopy=False)]
    table = Table(title=f"{len(counts)} trials, {counts.count('pruned')} of them pruned; loss on folds before the test")
    table.add_column("")
    columns: list[list[str]] = []
    for title, trial, prefix in (
        ("present", present, ""),
        (f"best within {budget_ms:g} ms", within, ""),
        ("best without", free, "unbounded_"),
    ):
        if trial is not None:
            table.add_column(title, justify="right")
            found = trial.user_attrs
            ms = found[f"{prefix}ms" if prefix else "reason_ms"]
            cells = [f"{found[f'{prefix}loss']:.5f}", str(found[f"{prefix}rounds"]), f"{ms:.3f}"]
            columns.append([*cells, *(f"{trial.params[name]:.3g}" for name in SEARCHED)])
    for name, *cells in zip(("log loss", "trees", "ms for reasons", *SEARCHED), *columns, strict=True):
        table.add_row(name.replace("_", " "), *cells)
    return table
