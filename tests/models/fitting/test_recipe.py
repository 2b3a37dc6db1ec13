"""The recipe: what the ladder decides says how calibration is fitted."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
from scipy.special import expit

from models.fitting.recipe import Product, fit_product
from models.params import CalibrationParams, SplitParams, TiersParams, TrainParams

DAYS = 360


def fitted(method: str) -> Product:
    """Few leads, whose base rate falls through the year: every fold that ended earlier promises too much."""
    random = np.random.default_rng(5)
    rows = 360
    matrix = random.normal(size=(rows, 4)).astype(np.float32)
    falling = np.linspace(2.5, -3.5, rows)
    labels = (random.random(rows) < expit(falling - 0.8 + matrix[:, 0])).astype(np.int8)
    frame = pd.DataFrame(
        {
            "lead_id": [f"L-{row}" for row in range(rows)],
            "account_id": None,
            "snapshot_at": pd.Timestamp("2025-01-01", tz="UTC")
            + pd.to_timedelta(np.arange(rows) * DAYS / rows, unit="D"),
            "is_headline": True,
            "label": labels,
            "slice": "train",
        }
    )
    return fit_product(
        matrix,
        frame,
        SimpleNamespace(names=("a", "b", "c", "d"), categorical=()),  # type: ignore[arg-type]
        train=TrainParams(num_threads=1, max_rounds=40, early_stopping_rounds=5),
        split=SplitParams(early_stopping_share=0, calibration_share=0, cross_fit_folds=3),
        calibration=CalibrationParams(method=method, bootstrap=20, halves=4),
        tiers=TiersParams(A=0.1, B=0.2, C=0.3),
        label_days=20,
        recording_delay_days=0,
        ordinal=False,
    )


def test_a_stack_is_not_calibrated_twice_unless_a_method_is_given() -> None:
    product = fitted("auto")
    assert product.ladder["weights"]
    assert product.calibration.method == "identity"
    assert product.calibration.level_shift > 0.0  # the interval knows what no map takes out
    assert fitted("sigmoid").calibration.method == "sigmoid"
