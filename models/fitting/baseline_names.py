"""The names of the baselines, as columns of `predictions.parquet`, and what their values are."""

import numpy as np
import pandas as pd

__all__ = ["BASELINES", "baseline_values"]

BASELINES = {
    "base_rate": True,
    "logistic_regression": True,
    "points": False,
    "odoo_formula": True,
    "untuned_lightgbm": True,
    "rfm": False,
}
"""Whether a baseline's values are probabilities, by name."""


def baseline_values(frame: pd.DataFrame) -> dict[str, tuple[np.ndarray, bool]]:
    """Give each baseline's values, and whether they are probabilities.

    Parameters
    ----------
    frame : DataFrame
        Rows of `predictions.parquet`; a baseline without a column is left out.
    """
    return {
        name: (frame[name].to_numpy(dtype=np.float64), is_probability)
        for name, is_probability in BASELINES.items()
        if name in frame
    }
