"""What counts as a purchase of an existing customer: again, for more, a new product."""

from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import DataError
from pipeline.params import LabelsParams
from pipeline.population.outcomes import growth_outcomes, label_snapshots, new_product_outcomes, purchase_outcomes

US = pd.Timedelta(microseconds=1)
DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2026-01-01", tz="UTC")
WINDOW = 30
LATER = START + 1000 * DAY


def orders(*rows: tuple) -> pd.DataFrame:
    """Make orders of account A from (moment, amount) or (moment, amount, product); a fourth entry is another account."""
    full = [(*row, *(None, "A")[len(row) - 2 :]) for row in rows]
    frame = pd.DataFrame(full, columns=["ordered_at", "amount", "product", "account_id"])
    frame["ordered_at"] = pd.to_datetime(frame["ordered_at"], utc=True).astype("datetime64[us, UTC]")
    return frame.sample(frac=1.0, random_state=3)  # input order must not matter


def snapshots(*moments: pd.Timestamp, account: str = "A") -> pd.DataFrame:
    return pd.DataFrame({"lead_id": "L", "account_id": account, "snapshot_at": pd.Series(moments)})


def label(purchase: str, made: pd.DataFrame, at: pd.Timestamp = START, exported_at: pd.Timestamp = LATER) -> object:
    params = LabelsParams(label_days=WINDOW, recording_delay_days=2, purchase=purchase)
    rows = snapshots(at)
    found = label_snapshots(rows, purchase_outcomes(rows, made, params), params, exported_at, ordinal=False)["label"]
    return None if pd.isna(found.iloc[0]) else int(found.iloc[0])


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [(START - US, 0), (START, 1), (START + WINDOW * DAY - US, 1), (START + WINDOW * DAY, 0)],
)
def test_more_counts_what_is_ordered_from_the_snapshot_on_until_before_the_end(ahead, expected) -> None:
    assert label("more", orders((START - DAY, 10.0), (ahead, 10.5))) == expected


@pytest.mark.parametrize(
    ("behind", "expected"), [(START - WINDOW * DAY - US, 1), (START - WINDOW * DAY, 0), (START - US, 0), (START, 1)]
)
def test_more_compares_with_as_many_days_before_the_snapshot(behind, expected) -> None:
    assert label("more", orders((behind, 20.0), (START + DAY, 15.0))) == expected


def test_as_much_as_before_is_not_more_even_where_floats_would_say_so() -> None:
    behind = [(START - day * DAY, 0.1) for day in (1, 2, 3)]  # 0.1 + 0.1 + 0.1 > 0.3 in floats
    assert label("more", orders(*behind, (START, 0.3))) == 0
    assert label("more", orders((START - DAY, 0.3), *[(START + day * DAY, 0.1) for day in (1, 2, 3)])) == 0
    assert label("more", orders(*behind, (START, 0.300001))) == 1


def test_a_credit_note_takes_away_and_nothing_ordered_is_never_more() -> None:
    assert label("more", orders((START - DAY, 5.0), (START, 9.0), (START + DAY, -4.0))) == 0
    assert label("more", orders((START - DAY, -5.0))) == 0
    assert label("more", orders((START - DAY, 5.0, None, "B"), (START, 1.0))) == 1  # another account's past


def test_a_product_is_new_when_the_account_never_ordered_it() -> None:
    past = (START - 400 * DAY, 1.0, "core")
    assert label("new_product", orders(past, (START + DAY, 1.0, "core"))) == 0
    assert label("new_product", orders(past, (START, 1.0, "service"))) == 1
    assert label("new_product", orders(past, (START - US, 1.0, "service"), (START, 1.0, "service"))) == 0
    assert label("new_product", orders(past, (START + WINDOW * DAY, 1.0, "service"))) == 0
    assert label("new_product", orders(past, (START + DAY, 1.0, None))) == 0
    assert label("new_product", orders(past, (START - DAY, 1.0, "service", "B"), (START, 1.0, "service"))) == 1


def test_new_products_need_products() -> None:
    with pytest.raises(DataError, match="no order names a product.*column `product`"):
        new_product_outcomes(snapshots(START), orders((START, 1.0)))


@pytest.mark.parametrize("purchase", ["again", "more", "new_product"])
def test_an_immature_label_is_missing_whatever_is_asked(purchase) -> None:
    made = orders((START + DAY, 10.0, "core"))
    matured_at = START + (WINDOW + 2) * DAY
    assert label(purchase, made, exported_at=matured_at - US) is None
    assert label(purchase, made, exported_at=matured_at) == 1


def test_without_orders_nobody_buys_more() -> None:
    assert growth_outcomes(snapshots(START, START + DAY), orders().astype({"amount": float}), WINDOW).isna().all()


SLOTS = st.integers(-70, 70).map(lambda half_days: START + half_days * DAY / 2)
MOMENTS = st.one_of(SLOTS, st.builds(lambda at, step: at + step, SLOTS, st.sampled_from([US, -US])))
AMOUNTS = st.integers(-3_000_000, 3_000_000).map(lambda micros: micros / 1_000_000)
ORDERS = st.lists(
    st.tuples(MOMENTS, AMOUNTS, st.sampled_from(["core", "service", None]), st.sampled_from("AB")), max_size=12
)


@settings(deadline=None)
@given(ORDERS, st.lists(MOMENTS, min_size=1, max_size=4))
def test_labels_are_what_their_definition_says(made: list[tuple], moments: list[pd.Timestamp]) -> None:
    table, rows = orders(*made), snapshots(*moments)
    found = {}
    for purchase in ("again", "more", "new_product"):
        params = LabelsParams(label_days=WINDOW, purchase=purchase)
        if purchase == "new_product" and all(product is None for _, _, product, _ in made):
            continue
        outcome = purchase_outcomes(rows, table, params)
        found[purchase] = label_snapshots(rows, outcome, params, LATER, ordinal=False)["label"].tolist()
    mine = [row for row in made if row[3] == "A"]
    for number, at in enumerate(moments):
        ahead = [row for row in mine if at <= row[0] < at + WINDOW * DAY]
        behind = [row for row in mine if at - WINDOW * DAY <= row[0] < at]
        assert found["again"][number] == bool(ahead)
        total = [sum(Fraction(round(row[1] * 1_000_000)) for row in part) for part in (ahead, behind)]
        assert found["more"][number] == (bool(ahead) and total[0] > total[1])
        if "new_product" in found:
            owned = {row[2] for row in mine if row[0] < at}
            assert found["new_product"][number] == bool({row[2] for row in ahead} - owned - {None})
