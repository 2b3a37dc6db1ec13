"""A real cluster on this machine, and canonical tables in which everything happens that features look at."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from features.attributes import AttributeSpec, fit_categories
from features.buyer_profile import GAP_BOUNDS, BuyerProfile, States
from features.catalog import Catalog, Learned, build_catalog
from features.operations import GROUPS, SELECTOR_OPERATIONS
from features.params import FeaturesParams
from features.timeline import DAY_US
from models.bundle import Bundle
from models.fitting.recipe import fit_product
from models.params import CalibrationParams, SplitParams, TiersParams, TrainParams
from pipeline.spark.session import spark_session
from pipeline.tables.parquet import write_table

KINDS, CHANNELS = ("mail_open", "page_view", "webinar", "download"), ("mail", "web", None)
ROLES, REGIONS = ("buyer", "engineer", "manager", None), ("north", "south", "ost, süd")
START = 20_000 * DAY_US
MOMENT = pa.timestamp("us", tz="UTC")
LEADS, ACCOUNTS, TOUCHPOINTS = 240, 50, 6_000


class World(NamedTuple):
    """Canonical tables, touchpoints as a folder of three files or all as single files, and snapshots of them."""

    canonical: Path
    single_files: Path
    tables: dict[str, pa.Table]
    snapshots: pd.DataFrame


def moments(values: np.ndarray) -> pa.Array:
    return pa.array(START + values * DAY_US // 24, pa.int64()).cast(MOMENT)


def draw_optional(rng: np.random.Generator, values: tuple[str | None, ...], count: int) -> pa.Array:
    return pa.array([values[code] for code in rng.integers(0, len(values), count)], pa.string())


def make_tables() -> dict[str, pa.Table]:
    """Lead 0 of account 0 and its colleagues have half of all touchpoints; lead 1 has none; every tenth lead has no account."""
    rng = np.random.default_rng(5)
    leads = np.array([f"L-{number:03d}ü" for number in range(LEADS)], dtype=object)
    account = rng.integers(0, ACCOUNTS, LEADS)
    account[:20] = 0
    of = pa.array([None if row % 10 == 9 else f"A-{code}" for row, code in enumerate(account)], pa.string())
    of_account_0 = rng.random(TOUCHPOINTS) < 0.5
    lead = np.where(of_account_0, rng.integers(0, 9, TOUCHPOINTS), rng.integers(20, LEADS, TOUCHPOINTS))
    lead[lead == 1] = 0
    occurred = rng.integers(0, 24 * 200, TOUCHPOINTS)  # whole hours: many ties
    late = np.where(rng.random(TOUCHPOINTS) < 0.1, rng.integers(1, 48, TOUCHPOINTS), 0)
    changed = rng.integers(0, LEADS, 300)
    changes = pd.DataFrame(
        {
            "lead_id": leads[changed],
            "account_id": None,
            "attribute": rng.choice(["role", "budget"], 300),
            "value": rng.choice(["buyer", "engineer"], 300),
            "at": rng.integers(0, 24 * 200, 300),
        }
    )
    changes.loc[changes["attribute"] == "budget", "value"] = "12.5"
    of_accounts = {"lead_id": None, "account_id": [f"A-{n % ACCOUNTS}" for n in range(60)], "attribute": "region"}
    more = pd.DataFrame(
        {**of_accounts, "value": rng.choice(["north", "south"], 60), "at": rng.integers(0, 24 * 200, 60)}
    )
    changes = pd.concat([changes, more], ignore_index=True)
    orders = rng.integers(0, ACCOUNTS, 150)
    return {
        "leads": pa.table(
            {
                "lead_id": pa.array(leads, pa.string()),
                "account_id": of,
                "created_at": moments(rng.integers(0, 24 * 60, LEADS)),
                "role": draw_optional(rng, ROLES, LEADS),
                "budget": pa.array(rng.normal(size=LEADS)),
                "newsletter": pa.array([None, True, False] * (LEADS // 3), pa.bool_()),
            }
        ),
        "accounts": pa.table(
            {
                "account_id": pa.array([f"A-{code}" for code in range(ACCOUNTS - 3)], pa.string()),
                "region": draw_optional(rng, REGIONS, ACCOUNTS - 3),
                "staff": pa.array(rng.integers(1, 5_000, ACCOUNTS - 3).astype(float)),
            }
        ),
        "touchpoints": pa.table(
            {
                "touchpoint_id": pa.array([f"T-{number}" for number in rng.permutation(TOUCHPOINTS)], pa.string()),
                "lead_id": pa.array(leads[lead], pa.string()),
                "occurred_at": moments(occurred),
                "recorded_at": pa.array(
                    [None if not n else START + (at + n) * DAY_US // 24 for at, n in zip(occurred, late, strict=True)],
                    pa.int64(),
                ).cast(MOMENT),
                "kind": draw_optional(rng, KINDS, TOUCHPOINTS),
                "channel": draw_optional(rng, CHANNELS, TOUCHPOINTS),
                "asset": draw_optional(rng, ("pricing", "docs", None), TOUCHPOINTS),
                "campaign": draw_optional(rng, ("spring", None), TOUCHPOINTS),
                "value": pa.array(rng.normal(size=TOUCHPOINTS)),
                "by": draw_optional(rng, ("lead", "sales", "system", None), TOUCHPOINTS),
            }
        ),
        "stage_changes": pa.table(
            {
                "lead_id": pa.array(leads[rng.integers(0, LEADS, 400)], pa.string()),
                "stage": draw_optional(rng, ("inquiry", "mql", "sal", "recycled"), 400),
                "occurred_at": moments(rng.integers(0, 24 * 200, 400)),
                "recorded_at": pa.nulls(400, MOMENT),
            }
        ),
        "attribute_changes": pa.table(
            {
                "lead_id": pa.array(changes["lead_id"], pa.string()),
                "account_id": pa.array(changes["account_id"], pa.string()),
                "attribute": pa.array(changes["attribute"], pa.string()),
                "value": pa.array(changes["value"], pa.string()),
                "occurred_at": moments(changes["at"].to_numpy()),
                "recorded_at": moments(changes["at"].to_numpy() + rng.integers(0, 72, len(changes))),
            }
        ),
        "orders": pa.table(
            {
                "account_id": pa.array([f"A-{code}" for code in orders], pa.string()),
                "ordered_at": moments(rng.integers(0, 24 * 200, 150)),
                "amount": pa.array(rng.random(150) * 1_000),
                "product": draw_optional(rng, ("pump", "valve", None), 150),
            }
        ),
    }


def make_catalog(groups: tuple[str, ...] = GROUPS) -> Catalog:
    """Fit a catalog of the given groups, by default all."""
    params = FeaturesParams.model_validate(
        {
            "observation_days": 120,
            "windows_days": (7, 30),
            "half_lives_days": (7,),
            "groups": groups,
            "operations": SELECTOR_OPERATIONS,
            "role_attribute": "role",
            "time_zone": "Europe/Berlin",
            "selectors": {"pricing": {"asset": ["pricing*"]}, "webinar": {"kind": ["webinar"]}},
        }
    )
    specs = [
        AttributeSpec("lead", "role", "category", "creation", fit_categories(["buyer", "engineer"], 1)),
        AttributeSpec("lead", "budget", "number", "creation", ()),
        AttributeSpec("lead", "newsletter", "boolean", "creation", ()),
        AttributeSpec("account", "region", "category", "creation", fit_categories(["north", "south"], 1)),
        AttributeSpec("account", "staff", "number", "mql", ()),
    ]
    return build_catalog(params, specs, Learned(KINDS, ("mail", "web"), KINDS[:2], (), ("buyer", "engineer")))


def with_profile(catalog: Catalog, seed: int) -> Catalog:
    """Give the catalog a buyer profile that says something of everything."""
    states = States((("mail_open", "mail"), ("page_view", None), ("page_view", "web")))
    rng = np.random.default_rng(seed)
    shapes = ((len(states),), (len(states) + 1, len(states)), (len(GAP_BOUNDS) + 1,), (len(states),))
    return catalog.with_buyer_profile(BuyerProfile(states, *(rng.integers(1, 900_000, shape) for shape in shapes)))


def make_bundle(catalog: Catalog, snapshots: pd.DataFrame, matrix: np.ndarray) -> Bundle:
    """Train a small model of which leads were looked at late."""
    rng = np.random.default_rng(3)
    label = (matrix[:, 0] + rng.normal(size=len(matrix)) > np.median(matrix[:, 0])).astype(np.int8)
    slices = np.resize(["train", "train", "train", "early_stopping", "calibration"], len(matrix))
    product = fit_product(
        matrix,
        snapshots.assign(is_headline=True, label=label, slice=slices),
        catalog,
        train=TrainParams(num_threads=1, learning_rate=0.1, max_rounds=30, min_data_in_leaf=10),
        split=SplitParams(early_stopping_share=0.2, calibration_share=0.3),
        calibration=CalibrationParams(method="sigmoid", bootstrap=20, interval=0.3, widest=1.0),
        tiers=TiersParams(A=0.1, B=0.2, C=0.3),
        label_days=60,
        recording_delay_days=2,
        ordinal=False,
    )
    metadata = {"source": "drawn", "label_days": 60, "risk_set": "mql"}
    return Bundle(product.classifier, product.uncertainty, product.calibration, product.cutoffs, catalog, metadata)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Write the tables, and draw snapshots; five leads have none."""
    canonical, single_files = (tmp_path_factory.mktemp("world") / name for name in ("canonical", "single_files"))
    tables = make_tables()
    for name, table in tables.items():
        write_table(single_files / f"{name}.parquet", name, table)
    rows = [(spec.entity, spec.name, spec.type, spec.known_at) for spec in make_catalog().attributes]
    declared = pa.Table.from_pylist(
        [dict(zip(("entity", "attribute", "type", "known_at"), row, strict=True)) for row in rows]
    )
    write_table(single_files / "attributes.parquet", "attributes", declared)
    shutil.copytree(single_files, canonical)
    (canonical / "touchpoints.parquet").unlink()
    (canonical / "touchpoints.parquet").mkdir()
    for part in range(3):
        pq.write_table(
            tables["touchpoints"].slice(part * 2_000, 2_000), canonical / "touchpoints.parquet" / f"{part}.parquet"
        )
    rng = np.random.default_rng(6)
    leads = tables["leads"].to_pandas()[["lead_id", "account_id"]]
    chosen = leads.iloc[np.concatenate([np.arange(LEADS - 5), rng.integers(0, LEADS - 5, 200)])]
    at = START + rng.integers(24 * 30, 24 * 201, len(chosen)) * DAY_US // 24
    snapshots = chosen.assign(snapshot_at=pd.to_datetime(at, unit="us", utc=True))
    snapshots = snapshots.drop_duplicates(["lead_id", "snapshot_at"])
    snapshots["part"] = rng.integers(-1, 2, len(snapshots))
    return World(canonical, single_files, tables, snapshots.sort_values(["lead_id", "snapshot_at"], ignore_index=True))


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Start two worker processes of one core each; a task that fails is not tried again."""
    session = spark_session(
        {
            "spark.master": "local-cluster[2,1,1024]",
            "spark.ui.enabled": "false",
            "spark.sql.shuffle.partitions": "2",
            "spark.task.maxFailures": "1",
            "spark.local.dir": str(tmp_path_factory.mktemp("spark")),
            "spark.sql.execution.arrow.maxRecordsPerBatch": "700",
        }
    )
    yield session
    session.stop()
