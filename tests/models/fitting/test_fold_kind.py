"""Which kind of fold: tried out only where customers come back and labels are purged, and decided by training's last months."""

import numpy as np
import pandas as pd
import pytest

from models.fitting import fold_kind
from models.fitting.fold_kind import decided_folds
from models.fitting.folds import PARTS, training_folds
from models.params import SplitParams, TrainParams

START = pd.Timestamp("2023-01-01", tz="UTC")
SPLIT = SplitParams(mode="time", early_stopping_share=0, calibration_share=0, cross_fit_folds=3)
PARAMS = TrainParams(num_threads=1, max_rounds=40, early_stopping_rounds=5, min_data_in_leaf=5, learning_rate=0.2)
NAMES = ["x", "own"]


def history(months: int = 14, accounts: int = 40) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], pd.DataFrame]:
    """Accounts with a habit of their own that a feature gives away, and which changes: learning it by heart misleads."""
    random = np.random.default_rng(6)
    account = np.tile(np.arange(accounts), months)
    month = np.repeat(np.arange(months), accounts)
    habit = random.random((2, accounts)) < 0.4
    x = random.normal(size=len(account))
    early = month < months - 4
    labels = np.where(early, habit[0][account], habit[1][account]) ^ (random.random(len(account)) < 0.1 + 0.2 * (x > 0))
    frame = pd.DataFrame(
        {
            "lead_id": [f"L-{a}" for a in account],
            "account_id": [f"A-{a}" for a in account],
            "snapshot_at": pd.Series([START + pd.DateOffset(months=int(m)) for m in month]).dt.as_unit("us"),
        }
    )
    return (np.column_stack([x, account]).astype(np.float32), labels.astype(float), np.ones(len(account))), frame


def decided(rows, frame, split: SplitParams):
    return decided_folds(rows, frame, split, 20, 2, False, PARAMS, NAMES, [])


@pytest.mark.parametrize(("gain", "fits"), [(0.02, 3 * PARTS), (-0.02, 3), (0.005, 3)])
def test_the_last_months_decide_by_more_than_one_standard_error(
    monkeypatch: pytest.MonkeyPatch, gain: float, fits: int
) -> None:
    rows, frame = history()
    judged: list[int] = []

    def paired(first, second, labels, weights, groups) -> tuple[float, float]:
        judged.append(len(labels))
        assert not np.array_equal(first, second)
        return gain, 0.01

    monkeypatch.setattr(fold_kind, "paired_gain", paired)
    folds = decided(rows, frame, SPLIT)
    assert judged == [len(training_folds(frame, SPLIT, 20, 2, False)[-1][1])]
    assert len(folds) == fits


@pytest.mark.parametrize(
    "changes",
    [{"mode": "grouped"}, {"cross_fit_purge": False}, {"label_purge": False}, {"cross_fit_by": "account"}],
    ids=str,
)
def test_elsewhere_nothing_is_tried_out(monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]) -> None:
    rows, frame = history()
    monkeypatch.setattr(fold_kind, "cross_fit", None)
    split = SPLIT.model_copy(update=changes)
    expected = training_folds(frame, split, 20, 2, False)
    assert [len(fit) for fit, _ in decided(rows, frame, split)] == [len(fit) for fit, _ in expected]


def test_new_customers_are_no_reason_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, frame = history()
    monkeypatch.setattr(fold_kind, "cross_fit", None)
    alone = frame.assign(lead_id=[f"L-{i}" for i in range(len(frame))], account_id=None)
    assert len(decided(rows, alone, SPLIT)) == 3
