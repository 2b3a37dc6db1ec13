"""What the catalog learns comes from training rows alone, and no training row is looked at with its own outcome."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.buyer_profile import GAP_BOUNDS, fold_of
from features.params import BuyerProfileParams, FeaturesParams
from pipeline.matrix.feature_rows import by_catalog
from pipeline.matrix.fit_catalog import FittedCatalog, fit_catalog
from pipeline.matrix.vocabulary import seen_values
from pipeline.tables.parquet import write_table

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2026-01-01", tz="UTC")
MOMENT = pa.timestamp("us", tz="UTC")
NOTHING = pd.DataFrame(columns=["entity", "attribute", "type", "known_at"])
PARAMS = FeaturesParams(
    observation_days=30,
    windows_days=(7,),
    half_lives_days=(),
    groups=("engagement", "buyer_profile", "account"),
    selectors={},
    automatic_min_leads=2,
    min_category_rows=2,
    role_attribute="role",
    buyer_profile=BuyerProfileParams(min_leads=1, prior=2.0, folds=2, milestone_share=0.5),
)

Touchpoint = tuple[str, float, str, str | None, str, float | None]


def write(folder: Path, touchpoints: list[Touchpoint], leads: list[str]) -> Path:
    """Write canonical tables; a touchpoint is lead, day, kind, channel, by, day of recording."""

    def moments(days: list[float | None]) -> pa.Array:
        return pa.array([None if day is None else START + day * DAY for day in days], MOMENT)

    lead_id, day, kind, channel, by, recorded = zip(*touchpoints, strict=True)
    columns = {
        "touchpoint_id": pa.array([f"T{i}" for i in range(len(touchpoints))]),
        "lead_id": pa.array(lead_id),
        "occurred_at": moments(list(day)),
        "recorded_at": moments(list(recorded)),
        "kind": pa.array(kind),
        "channel": pa.array(channel, pa.string()),
        "by": pa.array(by),
    }
    empty = {name: pa.nulls(len(touchpoints), pa.string()) for name in ("visitor_id", "asset", "campaign", "consent")}
    table = pa.table({**columns, **empty, "value": pa.nulls(len(touchpoints), pa.float64())})
    write_table(folder / "touchpoints.parquet", "touchpoints", table)
    created = pa.array([START - DAY] * len(leads), MOMENT)
    accounts = pa.array([f"A{lead}" for lead in leads])
    lead_table = pa.table({"lead_id": pa.array(leads), "account_id": accounts, "created_at": created})
    write_table(folder / "leads.parquet", "leads", lead_table)
    return folder


def snapshots_of(*rows: tuple[str, float]) -> pd.DataFrame:
    frame = pd.DataFrame({"lead_id": [lead for lead, _ in rows], "account_id": [f"A{lead}" for lead, _ in rows]})
    return frame.assign(snapshot_at=pd.Series([START + day * DAY for _, day in rows]).astype("datetime64[us, UTC]"))


def test_seen_is_what_the_training_snapshots_see(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        [
            ("a", 9.99, "click", "mail", "lead", None),
            ("a", 10, "at the snapshot", "mail", "lead", None),
            ("a", 9, "recorded at the snapshot", "mail", "lead", 10),
            ("a", 9, "recorded before it", None, "lead", 9.5),
            ("a", -5, "at the window's start", "mail", "lead", None),
            ("a", -5.01, "before it", "mail", "lead", None),
            ("a", 5, "call", "phone", "sales", None),
            ("b", 5, "click", "web", "lead", None),
            ("b", 5, "click", "mail", "lead", None),
            ("c", 5, "of another lead", "web", "lead", None),
        ],
        ["a", "b", "c"],
    )
    seen = seen_values(folder, snapshots_of(("a", 10), ("b", 9), ("b", 12)), 15)
    of = {
        level: {(row.kind, row.channel): (row.leads, row.all_leads) for row in rows.itertuples()}
        for level, rows in seen.groupby("level")
    }
    kinds = {kind: counts for (kind, _), counts in of["kind"].items()}
    assert kinds == {
        "at the window's start": (1, 1),
        "call": (0, 1),
        "click": (2, 2),
        "recorded before it": (1, 1),
    }
    channels = {channel: counts for (_, channel), counts in of["channel"].items()}
    assert channels == {None: (1, 1), "mail": (2, 2), "phone": (0, 1), "web": (1, 1)}
    assert of["pair"]["click", "mail"] == (2, 2)
    assert of["pair"]["recorded before it", None] == (1, 1)
    assert seen_values(folder / "nowhere", snapshots_of(("a", 10)), 15).empty
    assert seen_values(folder, snapshots_of(), 15).empty


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Return a small company whose buyers first click, then call up pages."""
    random = np.random.default_rng(3)
    touchpoints: list[Touchpoint] = []
    rows, outcome, roles = [], [], []
    for number in range(40):
        lead, bought = f"L{number:02d}", bool(random.random() < 0.4)
        for _ in range(int(random.integers(0, 9))):
            kind = str(random.choice(["click", "page"], p=[0.8, 0.2] if bought else [0.3, 0.7]))
            day = round(float(random.uniform(-25, 25)), 3)
            touchpoints.append((lead, day, kind, str(random.choice(["mail", "web"])), "lead", None))
        for day in (5, 12) if number % 3 else (5,):
            rows.append((lead, day))
            outcome.append(float(bought) if number < 36 else math.nan)
            roles.append("user" if number % 2 else "only once" if number == 0 else "buyer")
    touchpoints.append(("L39", 1, "new in the test", "web", "lead", None))
    folder = write(tmp_path_factory.mktemp("company"), touchpoints, [f"L{number:02d}" for number in range(40)])
    return folder, snapshots_of(*rows), pd.DataFrame({"role": roles}), np.array(outcome)


def fitted(company: tuple[Path, pd.DataFrame, pd.DataFrame, np.ndarray], outcome: np.ndarray) -> FittedCatalog:
    folder, snapshots, values, _ = company
    return fit_catalog(PARAMS, folder, NOTHING, snapshots, values, outcome)


def test_only_training_rows_teach(company: tuple[Path, pd.DataFrame, pd.DataFrame, np.ndarray]) -> None:
    catalog = fitted(company, company[3]).catalog
    assert catalog.known_kinds == ("click", "page")
    assert {"kind_click", "channel_web"} <= set(catalog.selectors)
    assert catalog.known_roles == ("buyer", "user")
    alone = fitted(company, np.where(company[1]["lead_id"] == "L39", 1.0, math.nan)).catalog
    assert "new in the test" in alone.known_kinds
    assert not [name for name in alone.selectors if name.startswith("kind_")]


def test_no_training_row_is_looked_at_with_its_own_outcome(
    company: tuple[Path, pd.DataFrame, pd.DataFrame, np.ndarray],
) -> None:
    _, snapshots, _, outcome = company
    before = fitted(company, outcome)
    assert (before.part[np.isnan(outcome)] == -1).all()
    for lead in ("L01", "L07", "L20"):
        mine = (snapshots["lead_id"] == lead).to_numpy()
        part = fold_of(f"A{lead}", 2)
        assert (before.part[mine] == part).all()
        after = fitted(company, np.where(mine, 1.0 - outcome, outcome))
        assert after.held_out[part] == before.held_out[part]
        assert after.catalog != before.catalog
        assert after.held_out[1 - part] != before.held_out[1 - part]


def test_the_buyer_profile_is_the_naive_one(company: tuple[Path, pd.DataFrame, pd.DataFrame, np.ndarray]) -> None:
    folder, snapshots, _, outcome = company
    result = fitted(company, outcome)
    journeys = pd.read_parquet(folder / "touchpoints.parquet").sort_values("occurred_at", kind="stable")
    for without, catalog in ((None, result.catalog), *enumerate(result.held_out)):
        profile = catalog.buyer_profile
        assert profile is not None
        pairs = profile.states.pairs
        mix = np.zeros((2, len(pairs) + 1))
        steps = np.zeros((2, len(pairs) + 2, len(pairs) + 1))
        gaps = np.zeros((2, len(GAP_BOUNDS) + 1))
        journeys_with, buyers = np.zeros(len(pairs) + 1), 0.0
        for row, (lead, at) in enumerate(zip(snapshots["lead_id"], snapshots["snapshot_at"], strict=True)):
            if math.isnan(outcome[row]) or (without is not None and fold_of(f"A{lead}", 2) == without):
                continue
            weight, y = 1.0 / (snapshots["lead_id"] == lead).sum(), int(outcome[row])
            seen = journeys[(journeys["lead_id"] == lead) & (journeys["occurred_at"] < at)]
            seen = seen[seen["occurred_at"] >= at - 30 * DAY]
            states = [pairs.index(pair) for pair in zip(seen["kind"], seen["channel"], strict=True)]
            for previous, state in zip([-1, *states], states, strict=False):
                mix[y, state] += weight
                steps[y, previous + 1, state] += weight
            for gap in seen["occurred_at"].diff().dropna():
                gaps[y, sum(gap >= pd.Timedelta(microseconds=bound) for bound in GAP_BOUNDS)] += weight
            if y:
                buyers += weight
                journeys_with[list(set(states))] += weight
        for counted, ratios in (
            (mix, profile.mix),
            (gaps, profile.pace),
            *zip(steps.swapaxes(0, 1), profile.transition, strict=True),
        ):
            rate = counted.sum(axis=0) / max(counted.sum(), 1e-300)
            share = (counted + 2.0) / (counted.sum(axis=1)[:, None] * rate + 2.0)
            np.testing.assert_allclose(ratios / 1e6, np.log(share[1] / share[0]), atol=2e-6)
        share = journeys_with / buyers
        np.testing.assert_allclose(profile.milestone / 1e6, np.where(share >= 0.5, share, 0.0), atol=2e-6)


def test_rows_are_looked_at_with_the_catalog_of_their_part() -> None:
    assert list(by_catalog(None, "all", ("0", "1"))) == [(slice(None), "all")]
    assert list(by_catalog(np.array([-1]), "all", ())) == [(slice(None), "all")]
    found = {name: rows.tolist() for rows, name in by_catalog(np.array([1, -1, 0, 1]), "all", ("0", "1"))}
    assert found == {"all": [1], "0": [2], "1": [0, 3]}
