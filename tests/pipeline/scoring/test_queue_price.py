"""The price of a slot over a queue, and the advice of its leads against it; no lead's place in a file decides."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from features.errors import DataError
from features.timeline import DAY_US
from models.answers.slot_price import SlotPrice, price_that_counts, read_price, write_price
from pipeline.scoring.queue_price import with_price_of_queue

AT = 1_767_600_000_000_000  # 2026-01-05 08:00 UTC


def bundle(slots: float = 2.0, price_at: int = AT - 90 * DAY_US, contact_cost: float = 0.0) -> Any:
    facts = {"price": 0.9, "slots_per_week": slots, "price_days": 8, "contact_cost": contact_cost}
    timing = SimpleNamespace(facts=facts, price_at=price_at)
    return SimpleNamespace(timing=timing, metadata={"capacity_cutoff": None}, calibration=SimpleNamespace(widest=0.6))


def scores(*chances: float, held: tuple[int, ...] = ()) -> pd.DataFrame:
    """Make rows of a queue as they are before its price is known: against that of training, all are called later."""
    return pd.DataFrame(
        [
            {
                "lead_id": f"L{n}", "snapshot_at": "2026-01-05T08:00:00+00:00", "probability": 0.2, "low": 0.1, "high": 0.3,
                "tier": "B", "advice": "wait_until" if n in held else "later", "advice_text": "", "if_now": chance,
                "if_now_low": chance, "if_now_high": chance, "if_waiting": chance, "if_waiting_low": chance,
                "if_waiting_high": chance, "waiting_days": 7, "slot_price": 0.9, "warnings": "wide_interval;old_slot_price",
            }
            for n, chance in enumerate(chances)
        ]
    )  # fmt: skip


def advice(frame: pd.DataFrame) -> list[str]:
    return frame["advice"].tolist()


def test_as_many_are_called_now_as_there_are_slots_and_the_rest_later() -> None:
    found, price = with_price_of_queue(scores(0.1, 0.4, 0.3, 0.2, held=(1,)), bundle(), "en")
    assert price == SlotPrice(0.2, AT, 2, 4)
    assert advice(found) == ["later", "wait_until", "hand_over_now", "hand_over_now"]
    assert set(found["slot_price"]) == {0.2}
    assert set(found["warnings"]) == {"wide_interval"}
    assert found["advice_text"][0].endswith("this week's last slot goes for 20.0%.")


def test_no_slot_stays_empty_while_a_lead_waits_that_is_not_held() -> None:
    for slots in range(1, 6):
        found, _ = with_price_of_queue(scores(0.1, 0.4, 0.3, 0.2, held=(3,)), bundle(slots), "en")
        assert advice(found).count("hand_over_now") == min(slots, 3)


def test_the_order_of_the_rows_decides_nothing() -> None:
    frame = scores(0.1, 0.4, 0.3, 0.2)
    found, _ = with_price_of_queue(frame, bundle(), "en")
    turned, _ = with_price_of_queue(frame[::-1].reset_index(drop=True), bundle(), "en")
    assert advice(found) == advice(turned)[::-1]


def test_a_call_that_is_not_worth_its_cost_is_for_later_whatever_is_free() -> None:
    found, _ = with_price_of_queue(scores(0.1, 0.4), bundle(9, contact_cost=0.2), "en")
    assert advice(found) == ["later", "hand_over_now"]
    assert "not worth its cost" in found["advice_text"][0]


@pytest.mark.parametrize(
    ("stored", "training", "value", "of_training"),
    [
        (AT - DAY_US, AT - 90 * DAY_US, 0.3, False),
        (AT - 9 * DAY_US, AT - 90 * DAY_US, 0.9, True),
        (AT - 9 * DAY_US, AT - DAY_US, 0.9, False),
        (AT + 2 * DAY_US, AT - 90 * DAY_US, 0.9, True),  # of the future
        (None, AT - 90 * DAY_US, 0.9, True),
    ],
)
def test_a_recent_price_counts_else_that_of_training(
    stored: int | None, training: int, value: float, of_training: bool
) -> None:
    price = None if stored is None else SlotPrice(0.3, stored, 5, 50)
    found, is_old = price_that_counts(price, bundle(price_at=training), AT)
    assert found is not None
    assert (found.value, is_old) == (value, of_training)


def test_a_price_survives_its_file_and_a_bad_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "slot_price.json"
    assert read_price(file) is None
    write_price(SlotPrice(0.25, AT, 6, 40), file)
    assert read_price(file) == SlotPrice(0.25, AT, 6, 40)
    for bad in ("{}", "[]", "no", '{"value": 7, "at": "2026-01-05T08:00:00+00:00", "slots": 1, "waiting": 1}'):
        file.write_text(bad)
        with pytest.raises(DataError, match=r"slot_price\.json: .*pipeline\.score"):
            read_price(file)
