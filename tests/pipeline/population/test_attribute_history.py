import pandas as pd
import pytest

from pipeline.population.attribute_history import accounts_at, attributes_at, eligible_attributes

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2026-01-01", tz="UTC")


def history(*rows: tuple[str, int, int | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["value", "occurred", "recorded"])
    return pd.DataFrame(
        {
            "lead_id": "L",
            "account_id": None,
            "attribute": "region",
            "value": frame["value"],
            "occurred_at": START + pd.to_timedelta(frame["occurred"], unit="D"),
            "recorded_at": START + pd.to_timedelta(frame["recorded"], unit="D"),
        }
    )


def region_at(day: float, changes: pd.DataFrame | None) -> object:
    snapshots = pd.DataFrame({"lead_id": ["L"], "account_id": [None], "snapshot_at": [START + day * DAY]})
    declared = pd.DataFrame(
        {"entity": ["lead"], "attribute": ["region"], "type": ["category"], "known_at": ["creation"]}
    )
    leads = pd.DataFrame({"lead_id": ["K", "L"], "account_id": [None, None], "region": ["x", "current"]})
    value = attributes_at(snapshots, declared, leads, None, changes)["region"].iloc[0]
    return None if pd.isna(value) else value


def test_without_history_the_current_value_counts() -> None:
    assert region_at(3, None) == "current"


def test_with_history_the_value_at_the_snapshot_counts_and_none_before_the_first() -> None:
    changes = history(("north", 1, None), ("south", 5, None))
    assert [region_at(day, changes) for day in (0.5, 1, 1.5, 5, 5.5)] == [None, None, "north", "north", "south"]


def test_a_change_is_visible_once_recorded() -> None:
    assert [region_at(day, history(("north", 1, 4))) for day in (2, 4, 4.5)] == [None, None, "north"]


def test_a_change_recorded_after_a_newer_one_never_overrides_it() -> None:
    changes = history(("north", 1, 9), ("south", 5, 6))
    assert [region_at(day, changes) for day in (7, 10)] == ["south", "south"]


def test_what_is_known_after_the_outcome_is_never_eligible() -> None:
    declared = pd.DataFrame({"attribute": list("abcd"), "known_at": ["creation", "mql", "export", "after"]})
    assert eligible_attributes(declared, use_known_at_export=False)["attribute"].tolist() == ["a", "b"]
    assert eligible_attributes(declared, use_known_at_export=True)["attribute"].tolist() == ["a", "b", "c"]


@pytest.mark.parametrize(("mql", "expected"), [(2, [None, "fair", "fair"]), (None, [None, None, None])])
def test_what_is_known_from_the_mql_on_is_missing_before_it(mql: int | None, expected: list) -> None:
    """Existing customers are looked at whether or not a lead of theirs ever becomes MQL."""
    at = [START + day * DAY for day in (2, 2, 3)]
    at[0] -= pd.Timedelta(microseconds=1)
    snapshots = pd.DataFrame({"lead_id": "L", "account_id": None, "snapshot_at": at})
    declared = pd.DataFrame(
        {
            "entity": "lead",
            "attribute": ["campaign", "role"],
            "type": "category",
            "known_at": ["mql", "creation"],
        }
    )
    leads = pd.DataFrame({"lead_id": ["L"], "account_id": [None], "campaign": ["fair"], "role": ["it"]})
    days = [] if mql is None else [mql, mql + 90]
    moments = pd.Series([START + day * DAY for day in (0, *days)])
    stages = pd.DataFrame({"lead_id": "L", "stage": ["inquiry", *["mql"] * len(days)], "occurred_at": moments})
    values = attributes_at(snapshots, declared, leads, None, None, stage_changes=stages)
    assert values["campaign"].astype(object).where(values["campaign"].notna(), None).tolist() == expected
    assert values["role"].tolist() == ["it"] * 3
    assert attributes_at(snapshots, declared, leads, None, None)["campaign"].isna().all()


def test_a_company_that_was_linked_later_is_not_known_earlier() -> None:
    days = pd.to_datetime(["2026-01-01", "2026-01-10", "2026-02-01"], utc=True)
    snapshots = pd.DataFrame({"lead_id": ["L", "L", "L", "M"], "account_id": "A", "snapshot_at": [*days, days[0]]})
    accounts = pd.DataFrame({"account_id": ["A", "B"], "size": [10.0, 20.0]})
    declared = pd.DataFrame(
        [("account", "size", "number", "creation")], columns=["entity", "attribute", "type", "known_at"]
    )
    link = {"attribute": "account_id", "account_id": None}
    changes = pd.DataFrame(
        [
            {"lead_id": "L", "value": "B", "occurred_at": pd.Timestamp("2026-01-05", tz="UTC"), **link},
            {"lead_id": "L", "value": "A", "occurred_at": pd.Timestamp("2026-01-10", tz="UTC"), **link},
        ]
    )
    changes["occurred_at"] = changes["occurred_at"].astype("datetime64[us, UTC]")
    changes["recorded_at"] = pd.Series([pd.NaT] * 2, dtype="datetime64[us, UTC]")
    snapshots["snapshot_at"] = snapshots["snapshot_at"].astype("datetime64[us, UTC]")
    assert accounts_at(snapshots, changes).astype(object).where(lambda x: x.notna(), None).tolist() == [
        None,
        "B",
        "A",
        "A",
    ]
    leads = pd.DataFrame({"lead_id": ["L", "M"], "account_id": "A"})
    sizes = attributes_at(snapshots, declared, leads, accounts, changes)["size"]
    assert sizes.fillna(0).tolist() == [0.0, 20.0, 10.0, 10.0]
