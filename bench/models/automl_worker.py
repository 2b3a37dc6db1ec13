"""FLAML in its own environment: matrices in, probabilities out. Run as ``python automl_worker.py <folder> <seconds>``.

The folder holds ``fit.npz`` (x, y, w, in the order of time), ``test.npz`` (x) and ``columns.json`` (names, categorical);
``probability.npy`` and ``chosen.json`` are written there.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from flaml import AutoML

SEED = 7
FOLDS = 5


def main() -> None:
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    columns = json.loads((folder / "columns.json").read_text(encoding="utf-8"))
    fit, test = np.load(folder / "fit.npz"), np.load(folder / "test.npz")

    def table(x: np.ndarray) -> pd.DataFrame:
        frame = pd.DataFrame(x, columns=[f"column_{i}" for i in range(x.shape[1])])
        for i in columns["categorical"]:
            codes = np.unique(fit["x"][:, i][~np.isnan(fit["x"][:, i])])
            frame[f"column_{i}"] = pd.Categorical(frame[f"column_{i}"], categories=codes)
        return frame

    automl = AutoML()
    automl.fit(
        X_train=table(fit["x"]),
        y_train=fit["y"].astype(int),
        sample_weight=fit["w"],
        task="classification",
        metric="log_loss",
        time_budget=seconds,
        eval_method="cv",
        split_type="time",
        n_splits=FOLDS,
        retrain_full=True,
        n_jobs=int(sys.argv[3]),
        seed=SEED,
        verbose=0,
    )
    np.save(folder / "probability.npy", automl.predict_proba(table(test["x"]))[:, 1].astype(np.float64))
    chosen = {"estimator": automl.best_estimator, "config": automl.best_config, "validation_log_loss": automl.best_loss}
    (folder / "chosen.json").write_text(json.dumps(chosen, default=float), encoding="utf-8")


if __name__ == "__main__":
    main()
