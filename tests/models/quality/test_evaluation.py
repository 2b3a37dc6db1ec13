import pandas as pd

from models.params import CapacityParams, EvaluateParams
from models.quality.evaluation import unseen_accounts


def test_accounts_of_training_rows_are_left_out_of_the_unseen() -> None:
    frame = pd.DataFrame({"snapshot_at": pd.date_range("2026-01-01", periods=6, freq="2D", tz="UTC")}).assign(
        lead_id=list("abcdef"),
        account_id=["A", "B", "A", "C", None, "D"],
        slice=["train", "calibration", "test", "test", "test", "test"],
        is_headline=[True, True, True, True, True, False],
        label=[0, 1, 1, 1, 0, 1],
        probability=0.5,
    )
    found = unseen_accounts(frame, CapacityParams(share=0.1), EvaluateParams(bootstrap=20))
    assert found == {"rows": 2, "positives": 1, "product": None}
