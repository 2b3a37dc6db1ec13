"""Which folds imitate the test where customers come back: in time alone, or with accounts kept apart as well.

Purged folds in time may know a validated account by its past, as the test may. Folds that keep accounts apart never do, and so
stop earlier. Which of them chooses better is tried out inside training: both choose a number of rounds from the rows before
training's last months, and these months judge.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from features.errors import DataError
from models.fitting.binned_rows import Rows, bin_rows
from models.fitting.boosting import train_part
from models.fitting.cross_fitting import cross_fit
from models.fitting.folds import Fold, split_by_account, training_folds
from models.fitting.paired import paired_gain
from models.fitting.splits import linked_groups
from models.params import SplitParams, TrainParams

__all__ = ["decided_folds"]

RECUR = 0.5  # of the last months' rows: so many must be of accounts that are known before


def decided_folds(
    rows: Rows,
    frame: pd.DataFrame,
    split: SplitParams,
    label_days: int,
    recording_delay_days: int,
    ordinal: bool,
    params: TrainParams,
    names: Sequence[str],
    categorical: Sequence[int],
) -> list[Fold]:
    """Give the folds of training; where accounts come back and labels are purged, those of the better kind.

    Parameters
    ----------
    rows : (matrix, labels, weights)
        Of the training part.
    frame : DataFrame
        Row for row: lead_id, account_id, snapshot_at.
    split, label_days, recording_delay_days, ordinal
        As for `models.fitting.folds.training_folds`.
    params, names, categorical
        As for `models.fitting.cross_fitting.cross_fit`.

    Returns
    -------
    list of Fold
        With accounts kept apart only where that chose significantly better: by more than one standard error over accounts.

    Raises
    ------
    DataError
        As `training_folds` does.
    """
    folds = training_folds(frame, split, label_days, recording_delay_days, ordinal)
    is_purged = split.label_purge and split.cross_fit_purge and split.cross_fit_by == "time" and not ordinal
    if split.mode != "time" or not is_purged or len(folds) < 2:
        return folds
    groups = linked_groups(frame)
    fit, last = folds[-1]
    if np.isin(groups[last], groups[fit]).mean() < RECUR:
        return folds
    matrix, labels, weights = rows
    early = matrix[fit], labels[fit], weights[fit]
    fewer = split.model_copy(update={"cross_fit_folds": max(split.cross_fit_folds - 1, 1)})
    try:
        inner = training_folds(frame.iloc[fit], fewer, label_days, recording_delay_days, ordinal)
        kinds = (inner, split_by_account(inner, groups[fit]))
        rounds = [cross_fit(*early, kind, params, names, categorical)[1] for kind in kinds]
    except DataError:  # the rows before the last months are too few for folds of their own: nothing can be tried out
        return folds
    if rounds[0] == rounds[1]:
        return folds
    binned = bin_rows(*early, names, categorical)
    in_time, apart = (
        train_part(binned, np.arange(len(fit)), params, number).predict_log_odds(matrix[last]) for number in rounds
    )
    gain, error = paired_gain(in_time, apart, labels[last], weights[last], groups[last])
    return split_by_account(folds, groups) if gain > error else folds
