"""Leads that nobody called because of the product's own advice: who they are, and that they are no negatives."""

import pandas as pd

from pipeline.population.own_influence import advised_periods, left_out, never_contacted_shares


def day(number: float | None) -> pd.Timestamp | None:
    return None if number is None else pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(days=number)


def moments(values: list[float | None]) -> pd.Series:
    return pd.Series([day(value) for value in values]).astype("datetime64[us, UTC]")


# lead, start, end, ended_by, first contact
PERIODS = [
    ("called", 0, 40, "disqualified", 9),
    ("later", 0, None, None, None),
    ("held", 0, 30, "disqualified", None),
    ("won", 0, 30, "sales_qualified", None),
    ("told now", 0, None, None, None),
    ("untold", 0, None, None, None),
    ("contacted too late", 0, 20, "disqualified", 25),
]
ADVICES = [
    ("called", 2, "later", "B"),
    ("later", 1, "hand_over_now", "A"),
    ("later", 5, "later", "B"),
    ("held", 3, "wait_until", "C"),
    ("held", 31, "hand_over_now", "A"),  # of a later period
    ("won", 3, "later", "B"),
    ("told now", 3, "later", "B"),
    ("told now", 4, "hand_over_now", "A"),
    ("contacted too late", 1, "later", "D"),
]


def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    leads, starts, ends, ended_by, contacts = map(list, zip(*PERIODS, strict=True))
    periods = pd.DataFrame({"lead_id": leads, "account_id": None, "risk_period": 0, "started_at": moments(starts)})
    periods["risk_period"] = periods["risk_period"].astype("int32")
    periods = periods.assign(ended_at=moments(ends), ended_by=ended_by)
    handovers = pd.DataFrame({"lead_id": leads, "queued_at": moments(starts), "first_contact_at": moments(contacts)})
    ids, at, advice, tier = map(list, zip(*ADVICES, strict=True))
    advices = pd.DataFrame({"lead_id": ids, "advised_at": moments(at), "advice": advice, "tier": tier})
    return periods, handovers, advices


def test_the_last_advice_of_the_period_and_whether_sales_ever_spoke_with_the_lead_decide() -> None:
    found = advised_periods(*tables()).set_index("lead_id")
    assert found["advice"].to_dict() == {
        "called": "later", "later": "later", "held": "wait_until", "won": "later", "told now": "hand_over_now",
        "untold": "none", "contacted too late": "later",
    }  # fmt: skip
    assert set(found.index[found["because_of_advice"]]) == {"later", "held", "contacted too late"}


def test_the_share_never_contacted_stands_by_advice_and_tier() -> None:
    shares = {(item["advice"], item["tier"]): item for item in never_contacted_shares(advised_periods(*tables()))}
    assert shares["later", "B"] == {"advice": "later", "tier": "B", "leads": 3, "never_contacted": 2 / 3}
    assert shares["wait_until", "C"]["never_contacted"] == shares["none", "none"]["never_contacted"] == 1.0


def test_snapshots_at_which_nobody_was_to_be_called_are_left_out_whatever_came_later() -> None:
    asked = [
        ("later", 0, 2, False),  # the advice was to call
        ("later", 0, 6, True),
        ("held", 0, 2.5, True),  # advised half a day after it
        ("held", 0, 1, False),  # nothing was advised yet
        ("won", 0, 4, True),  # not chosen by its outcome
        ("called", 0, 2.5, False),  # called within the week after it, whatever the advice was
        ("called", 0, 12, False),  # after the call
        ("untold", 0, 5, False),
        ("nobody", 0, 5, False),
    ]
    leads, numbers, days, expected = map(list, zip(*asked, strict=True))
    snapshots = pd.DataFrame({"lead_id": leads, "risk_period": numbers, "snapshot_at": moments(days)})
    assert left_out(snapshots, *tables()).tolist() == expected
