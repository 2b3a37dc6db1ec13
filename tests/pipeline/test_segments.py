"""The test by segment: literal tables, honest counts of comparisons, what a source lacks, and fairness."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.errors import ParameterError
from models.monitoring.stability import population_stability
from models.params import EvaluateParams
from models.quality.fairness import fairness
from models.quality.segments import cut_points, flag, holm, number_bands, segments, selected
from pipeline.matrix.segment_rows import plot_rows
from pipeline.matrix.segments import allowed_dimensions, first_touch, segment_values
from pipeline.mlflow_runs.segments import segment_metrics, segments_description, segments_sentence
from pipeline.params import SegmentsParams
from pipeline.segments import measure_segments
from pipeline.tables.parquet import write_table

PARAMS = EvaluateParams(bootstrap=60)


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def table(rows: list[dict[str, Any]]) -> pa.Table:
    frame = pd.DataFrame(rows)
    times = {name: "datetime64[us, UTC]" for name in frame if name.endswith("_at") and name != "known_at"}
    return pa.Table.from_pandas(frame.astype(times), preserve_index=False)


@pytest.fixture
def canonical(tmp_path: Path) -> Path:
    """Return three leads of two accounts, with touchpoints in a muddled order."""
    folder = tmp_path / "canonical"
    write_table(folder / "export.parquet", "export", table([{"exported_at": at("2024-12-01"), "clock": "real"}]))
    declared = [
        ("lead", "role", "category", "creation"),
        ("lead", "free_mail", "boolean", "creation"),
        ("lead", "sales_rating", "category", "after"),
        ("account", "employees", "number", "creation"),
    ]
    names = ("entity", "attribute", "type", "known_at")
    attributes = [dict(zip(names, row, strict=True)) for row in declared]
    write_table(folder / "attributes.parquet", "attributes", table(attributes))
    leads = [
        {"lead_id": "L1", "account_id": "A1", "role": "it", "free_mail": True},
        {"lead_id": "L2", "account_id": "A2", "role": "it", "free_mail": False},
        {"lead_id": "L3", "account_id": None, "role": None, "free_mail": False},
    ]
    leads = [{**lead, "created_at": at("2024-01-01"), "sales_rating": "hot"} for lead in leads]
    write_table(folder / "leads.parquet", "leads", table(leads))
    accounts = [{"account_id": "A1", "employees": 10.0}, {"account_id": "A2", "employees": 400.0}]
    write_table(folder / "accounts.parquet", "accounts", table(accounts))
    touchpoints = [
        ("L1", "2024-02-03", "2024-02-03", "paid_search", "brand"),
        ("L1", "2024-02-01", "2024-02-09", "event", None),  # came first, but nobody knew before the snapshot
        ("L1", "2024-02-02", "2024-02-02", None, "trends"),  # names no channel
        ("L2", "2024-03-05", "2024-03-05", "email", None),  # at the snapshot: future
        ("L2", "2024-03-04", "2024-03-04", "social", None),
    ]
    rows = [
        {
            "touchpoint_id": f"T{i}",
            "lead_id": lead,
            "occurred_at": at(occurred),
            "recorded_at": at(recorded),
            "kind": "page_view",
            "channel": channel,
            "campaign": campaign,
        }
        for i, (lead, occurred, recorded, channel, campaign) in enumerate(touchpoints)
    ]
    write_table(folder / "touchpoints.parquet", "touchpoints", table(rows))
    return folder


@pytest.fixture
def rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "lead_id": ["L2", "L1", "L3"],
            "account_id": ["A2", "A1", None],
            "snapshot_at": [at("2024-03-05"), at("2024-02-05"), at("2024-03-20")],
        }
    )


def test_dimensions_are_what_the_source_offers_and_nothing_known_after_the_outcome(canonical: Path) -> None:
    assert allowed_dimensions(canonical) == ["month", "channel", "campaign", "role", "free_mail", "employees"]
    write_table(canonical / "export.parquet", "export", table([{"exported_at": at("2024-12-01"), "clock": "ordinal"}]))
    (canonical / "touchpoints.parquet").unlink()
    assert allowed_dimensions(canonical) == ["role", "free_mail", "employees"]


@pytest.mark.parametrize("name", ["sales_rating", "planet"])
def test_a_dimension_that_the_source_lacks_is_named_with_those_it_has(
    canonical: Path, rows: pd.DataFrame, name: str
) -> None:
    with pytest.raises(
        ParameterError, match=rf"segments\.by: this source has no dimension '{name}'\. Allowed: month, "
    ):
        segment_values(canonical, rows, rows, ["month", name])


def test_values_are_those_at_the_snapshot(canonical: Path, rows: pd.DataFrame) -> None:
    by = segment_values(canonical, rows, rows, ["month", "channel", "campaign", "role", "free_mail", "employees"])
    shown = {name: [None if pd.isna(value) else value for value in values] for name, values in by.items()}
    assert shown == {
        "month": ["2024-03", "2024-02", "2024-03"],
        "channel": ["social", "paid_search", None],
        "campaign": [None, "trends", None],
        "role": ["it", "it", None],
        "free_mail": ["false", "true", "false"],
        "employees": ["≥ 400", "< 400", None],
    }
    assert list(by["month"].categories) == ["2024-02", "2024-03"]
    assert list(by["free_mail"].categories) == ["false", "true"]  # the more frequent first


def test_the_first_touch_does_not_depend_on_the_order_of_rows(canonical: Path, rows: pd.DataFrame) -> None:
    turned = first_touch(canonical, rows[::-1], ["channel"])["channel"].tolist()
    assert turned[::-1] == first_touch(canonical, rows, ["channel"])["channel"].tolist()


def test_numbers_are_cut_where_training_was(canonical: Path, rows: pd.DataFrame) -> None:
    assert cut_points(np.arange(1.0, 9.0)) == [3.0, 5.0, 7.0]
    assert number_bands(np.array([2.0, 3.0]), [3.0]).tolist() == ["< 3", "≥ 3"]
    only_large = rows[rows["lead_id"] == "L2"]
    by = segment_values(canonical, rows, only_large, ["employees"])
    assert by["employees"].tolist()[:2] == ["≥ 400", "< 400"]


LABELS = np.array([1, 0, 1, 0, 1, 1, 0, 0, 0, 0], dtype=float)
PROBABILITIES = np.array([0.9, 0.1, 0.8, 0.3, 0.2, 0.4, 0.4, 0.2, 0.1, 0.1])
GROUPS = np.array(list("aabbccddee"))
KIND = pd.Categorical(["x"] * 4 + ["y"] * 4 + [None] * 2, categories=["y", "x"])


def test_a_segment_is_measured_as_by_hand() -> None:
    found = segments(LABELS, PROBABILITIES, GROUPS, {"kind": KIND}, 5, PARAMS, 2)["kind"]
    assert [(cell["value"], cell["rows"], cell["positives"], cell["measured"]) for cell in found] == [
        ("y", 4, 2, True),
        ("x", 4, 2, True),
        (None, 2, 0, False),
    ]
    y, x, missing = found
    assert x["auc"]["value"] == 1.0
    assert y["auc"]["value"] == 0.5  # of four pairs one right, one wrong, two even
    assert x["mean_probability"]["value"] == pytest.approx(0.525)
    assert x["calibration_gap"]["value"] == pytest.approx(0.025)
    assert x["lift_at_capacity"]["value"] == 2.0  # half of it is worked, and that half holds all positives
    assert x["log_loss"]["value"] == pytest.approx(-np.log([0.9, 0.9, 0.8, 0.7]).mean())
    assert set(missing) == {"value", "rows", "positives", "base_rate", "measured"}
    for cell in (x, y):
        assert cell["calibration_gap"]["low"] <= cell["calibration_gap"]["value"] <= cell["calibration_gap"]["high"]


def test_rows_drawn_by_class_are_weighed_as_they_occur() -> None:
    weights = np.where(LABELS == 1, 0.5, 2.0)
    x = segments(LABELS, PROBABILITIES, GROUPS, {"kind": KIND}, 5, PARAMS, 2, weights)["kind"][1]
    assert (x["rows"], x["positives"], x["base_rate"]) == (4, 2, 0.2)
    assert x["mean_probability"]["value"] == pytest.approx((0.5 * 1.7 + 2.0 * 0.4) / 5.0)
    fair = fairness(LABELS, PROBABILITIES, GROUPS, {"kind": KIND}, 2, LABELS == 1, PARAMS, 2, weights)["kind"][1]
    assert fair["selection_rate"]["value"] == pytest.approx(0.2)


def test_the_order_of_rows_changes_nothing() -> None:
    order = np.random.default_rng(1).permutation(len(LABELS))
    once = segments(LABELS, PROBABILITIES, GROUPS, {"kind": KIND}, 5, PARAMS, 2)
    again = segments(LABELS[order], PROBABILITIES[order], GROUPS[order], {"kind": KIND[order]}, 5, PARAMS, 2)
    for one, two in zip(once["kind"], again["kind"], strict=True):
        assert one.keys() == two.keys()
        if one["measured"]:
            assert one["auc"] == two["auc"]
            assert one["calibration_gap"]["low"] == pytest.approx(two["calibration_gap"]["low"])


def test_a_segment_whose_rows_hang_together_has_a_wider_interval() -> None:
    random = np.random.default_rng(2)
    p = random.uniform(0.1, 0.9, 400)
    y = (random.random(400) < p).astype(float)
    same = np.repeat([0, 1], 200)
    everywhere = pd.Categorical(["all"] * 400)
    width = {}
    for name, groups in (("alone", np.arange(800)), ("pairs", np.repeat(np.arange(400), 2))):
        twice = [np.repeat(values, 2) for values in (y, p)]
        cell = segments(*twice, groups, {"d": everywhere[np.repeat(same, 2) * 0]}, 80, PARAMS, 20)["d"][0]
        width[name] = cell["calibration_gap"]["high"] - cell["calibration_gap"]["low"]
    assert width["pairs"] > 1.15 * width["alone"]


def _many(shift: float) -> dict[str, list[dict[str, Any]]]:
    random = np.random.default_rng(11)
    p = random.uniform(0.1, 0.6, 8_000)
    y = (random.random(8_000) < p).astype(float)
    values = np.repeat(np.arange(40), 200)
    shown = np.where(values == 3, np.clip(p + shift, 0.0, 1.0), p)
    names = pd.Categorical([f"s{value:02d}" for value in values])
    return segments(y, shown, np.arange(8_000), {"d": names}, 800, EvaluateParams(bootstrap=200), 20)


def test_of_many_calibrated_segments_some_look_off_and_none_is_flagged() -> None:
    cells = _many(0.0)["d"]
    assert sum(cell["apart"] for cell in cells) >= 1
    assert not any(cell["flagged"] for cell in cells)


def test_a_segment_that_is_really_off_is_flagged_among_many() -> None:
    assert [cell["value"] for cell in _many(0.2)["d"] if cell["flagged"]] == ["s03"]


def test_holm_is_never_below_the_chance_and_never_above_bonferroni() -> None:
    chances = [0.001, 0.2, 0.02, 0.9, 0.02]
    for chance, adjusted in zip(chances, holm(chances), strict=True):
        assert chance <= adjusted <= min(1.0, 5 * chance)
    assert holm([]) == []


def test_a_cell_without_an_interval_is_not_flagged() -> None:
    cell = {"calibration_gap": {"value": 0.3, "low": None, "high": None}, "p": None}
    flag([cell])
    assert (cell["apart"], cell["flagged"]) == (False, False)


def test_capacity_shares_what_is_left_among_equals() -> None:
    for capacity in range(1, 11):
        assert selected(PROBABILITIES, capacity).sum() == pytest.approx(capacity)
    with pytest.raises(ParameterError, match="capacity is 11 rows of 10"):
        selected(PROBABILITIES, 11)


def test_fairness_as_by_hand() -> None:
    tier_ab = PROBABILITIES >= 0.4
    found = fairness(LABELS, PROBABILITIES, GROUPS, {"kind": KIND}, 2, tier_ab, PARAMS, 2)["kind"]
    y, x, missing = found
    assert not missing["measured"]
    assert x["selection_rate"]["value"] == 0.5  # 0.9 and 0.8 are the two best
    assert x["selection_rate"]["difference"]["value"] == 0.5
    assert x["true_positive_rate"]["value"] == 1.0
    assert y["true_positive_rate"]["value"] == 0.0
    assert y["true_positive_rate"]["difference"]["value"] == -1.0
    assert y["tier_ab_rate"]["value"] == 0.5
    assert y["tier_ab_rate"]["difference"]["value"] == pytest.approx(0.5 - 2 / 6)
    assert y["calibration_gap"]["value"] == pytest.approx(-0.2)


def test_the_population_index_is_zero_for_the_same_and_grows_with_the_shift() -> None:
    random = np.random.default_rng(4)
    before = random.normal(size=4_000)
    found = [population_stability(before, random.normal(shift, size=2_000))["psi"] for shift in (0.0, 0.5, 1.0)]
    assert all(one < two for one, two in itertools.pairwise(found))
    assert found[0] < 0.01
    gaps = np.where(np.arange(2_000) < 600, np.nan, before[:2_000])
    assert population_stability(before, gaps)["psi"] > 0.25  # missing values count as a value
    assert np.isnan(population_stability(before, before[:0])["psi"])


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the segments of 600 rows: a role that is off, one with few positives, and accounts of two sizes."""
    folder = tmp_path_factory.mktemp("measured") / "canonical"
    random = np.random.default_rng(8)
    count = 1_200
    role = random.choice(["it", "sales", "rare"], count, p=[0.5, 0.47, 0.03])
    p = random.uniform(0.1, 0.7, count)
    label = (random.random(count) < p).astype("int8")
    leads = pd.DataFrame(
        {
            "lead_id": [f"L{i}" for i in range(count)],
            "account_id": [f"A{i // 2}" for i in range(count)],
            "created_at": pd.Series([at("2024-01-01")] * count, dtype="datetime64[us, UTC]"),
            "role": role,
        }
    )
    write_table(folder / "export.parquet", "export", table([{"exported_at": at("2025-01-01"), "clock": "real"}]))
    declared = [{"entity": "lead", "attribute": "role", "type": "category", "known_at": "creation"}]
    write_table(folder / "attributes.parquet", "attributes", table(declared))
    write_table(folder / "leads.parquet", "leads", pa.Table.from_pandas(leads, preserve_index=False))
    predictions = leads[["lead_id", "account_id"]].assign(
        snapshot_at=pd.date_range("2024-02-01", periods=count, freq="2h", tz="UTC").as_unit("us"),
        is_headline=True,
        slice=np.where(np.arange(count) < 200, "train", "test"),
        label=label,
        probability=np.where(role == "sales", np.clip(p + 0.2, 0, 1), p),
    )
    params = SegmentsParams(by=("month", "role"), fairness=("role",), min_positives=25)
    cutoffs = {"A": 0.7, "B": 0.5, "C": 0.3}
    return measure_segments(folder, predictions, cutoffs, 100, params, PARAMS)


def test_the_stage_finds_the_segment_that_is_off_and_says_which_are_too_few(measured: dict[str, Any]) -> None:
    cells = {cell["value"]: cell for cell in measured["by"]["role"]}
    assert cells["sales"]["flagged"]
    assert not cells["it"]["flagged"]
    assert not cells["rare"]["measured"]
    assert measured["compared"] == sum(cell["measured"] for found in measured["by"].values() for cell in found)
    assert measured["flagged"] >= 1
    assert measured["all"]["rows"] == 1_000
    rows = plot_rows(measured)
    assert rows["by_segment"][0]["dimension"] == "all"
    assert [row["value"] for row in rows["by_segment"][1:]] == ["it", "sales"]
    assert all(row["dimension"] == "month" for row in rows["by_month"])


def test_a_tracker_gets_short_names_a_table_and_a_sentence(measured: dict[str, Any]) -> None:
    cells = measured["by"]["role"]
    metrics = segment_metrics(cells)
    assert metrics["auc/it"] == next(cell["auc"]["value"] for cell in cells if cell["value"] == "it")
    assert not [name for name in metrics if "rare" in name]
    described = segments_description("role", cells, 25)
    assert "| rare |" in described
    assert "too few: fewer than 25 positives or negatives" in described
    assert "**beyond chance** |" in described
    assert "role sales (+" in segments_sentence(measured)
    nothing = {**measured, "compared": 0, "by": {}}
    assert "none was measured" in segments_sentence(nothing)


def test_two_values_that_differ_in_signs_only_keep_a_metric_each() -> None:
    one = {"value": 0.5, "low": None, "high": None}
    names = ("mean_probability", "auc", "log_loss", "calibration_gap", "lift_at_capacity")
    cell = {"measured": True, "rows": 3, "base_rate": 0.1, **dict.fromkeys(names, one)}
    metrics = segment_metrics([{**cell, "value": "a+b"}, {**cell, "value": "a*b"}, {**cell, "value": "../x"}])
    assert {"auc/a_b", "auc/a_b_", "auc/___x"} <= set(metrics)
