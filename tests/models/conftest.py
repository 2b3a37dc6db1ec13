"""A tiny model, trained on drawn journeys by way of the features, and leads as a request brings them."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.attributes import AttributeSpec
from features.catalog import Catalog, Learned, build_catalog
from features.compute import compute_features
from features.operations import GROUPS, OPERATIONS
from features.params import FeaturesParams, Label, SelectorParams
from models.answers.requests import LeadRequest, build_inputs, parse_lead
from models.bundle import Bundle
from models.fitting.recipe import fit_product
from models.params import CalibrationParams, SplitParams, TiersParams, TrainParams
from pipeline.params import load_params

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ROWS = 400


def _draw(count: int, seed: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    leads = []
    for number in range(count):
        at = START + dt.timedelta(days=60 + number / 4)

        def ago(days: float, at: dt.datetime = at) -> str:
            return (at - dt.timedelta(days=days)).isoformat()

        touchpoints = [
            {
                "kind": str(random.choice(["page_view", "mail_click", "webinar"])),
                "asset": str(random.choice(["pricing", "home"])),
                "channel": "web",
                "occurred_at": ago(float(random.uniform(-3, 40))),
            }
            for _ in range(int(random.integers(0, 12)))
        ]
        leads.append(
            {
                "lead_id": f"L-{number}",
                "snapshot_at": at.isoformat(),
                "created_at": ago(float(random.uniform(5, 49))),
                "attributes": {"newsletter": bool(random.random() < 0.5)},
                "account": {
                    "account_id": f"A-{number // 2}",
                    "attributes": {"industry": str(random.choice(["energy", "retail", "machines"])), "employees": 40},
                },
                "touchpoints": touchpoints,
                "stage_changes": [{"stage": "mql", "occurred_at": ago(2.0)}],
            }
        )
    return leads


@pytest.fixture(scope="session")
def small_catalog() -> Catalog:
    pricing = SelectorParams(
        kind=("page_view",),
        asset=("pricing*",),
        label=Label(en="views of the pricing page", de="Aufrufe der Preisseite"),
    )
    webinar = SelectorParams(kind=("webinar",), label=Label(en="webinars", de="Webinare"))
    params = FeaturesParams(
        observation_days=50,
        windows_days=(7, 28),
        half_lives_days=(7,),
        groups=("engagement", "stages", "attributes"),
        selectors={"pricing": pricing, "webinar": webinar},
    )
    specs = [
        AttributeSpec("account", "employees", "number", "creation"),
        AttributeSpec("account", "industry", "category", "creation", ("energy", "retail")),
        AttributeSpec("lead", "newsletter", "boolean", "creation"),
    ]
    return build_catalog(params, specs, Learned(kinds=("mail_click", "page_view", "webinar"), channels=("web",)))


@pytest.fixture(scope="session")
def big_catalog() -> Catalog:
    """Return the catalog of the default parameters, with every group, some roles and attributes."""
    params = load_params(("features",), Path(__file__).parents[2] / "params.yaml").features
    specs = [
        AttributeSpec("account", "employees", "number", "creation"),
        AttributeSpec("account", "industry", "category", "creation", ("energy", "retail")),
        AttributeSpec("lead", "newsletter", "boolean", "creation"),
        AttributeSpec("lead", "seniority", "category", "creation", ("director",)),
    ]
    learned = Learned(("mail_open",), ("mail", "web"), ("mail_open", "phone_call"), ("web",), ("purchasing",))
    return build_catalog(params.model_copy(update={"groups": GROUPS}), specs, learned)


@pytest.fixture(scope="session")
def draw_values(big_catalog: Catalog) -> Callable[[np.random.Generator], np.ndarray]:
    """Return a function that draws values of every feature: none, one, few, many, missing where it may be."""

    def draw(random: np.random.Generator) -> np.ndarray:
        values = np.zeros(len(big_catalog), dtype=np.float32)
        for column, feature in enumerate(big_catalog.features):
            counts = OPERATIONS[feature.operation].change == "count" and feature.operation != "decayed_count"
            if counts or feature.operation == "missing":
                values[column] = random.choice([0, 1, 2, 5, 1234])
            elif feature.operation == "deepest_content" or feature.unit in ("category", "boolean"):
                values[column] = random.integers(0, 2)
            elif feature.operation.endswith(("_likeness", "acceleration", "days_before")):
                values[column] = random.choice([0.0, -1.5, 0.02, 2.0])
            elif feature.unit == "share":
                values[column] = random.choice([0.0, 0.5, 0.51, 1.0])
            else:
                values[column] = random.choice([0.0, 0.3, 1.0, 1.5, 12.0, 43.0, 300.25])
            if feature.empty != 0 and random.random() < 0.3:
                values[column] = np.nan
        return values

    return draw


@pytest.fixture(scope="session")
def draw_leads() -> Callable[[int, int], list[dict[str, Any]]]:
    """Return a function of count and seed that draws leads as plain JSON values."""
    return _draw


@pytest.fixture(scope="session")
def parsed() -> list[LeadRequest]:
    """Return leads that the model has not seen."""
    return [parse_lead(lead, f"leads[{i}]") for i, lead in enumerate(_draw(40, seed=9))]


@pytest.fixture(scope="session")
def rows(small_catalog: Catalog) -> tuple[np.ndarray, np.ndarray]:
    """Return features and labels of the leads that the model is trained on."""
    leads = [parse_lead(lead) for lead in _draw(ROWS, seed=1)]
    matrix = compute_features(
        *build_inputs(leads, small_catalog)[:2], small_catalog, build_inputs(leads, small_catalog)[2]
    )
    drive = 1.5 * matrix[:, small_catalog.positions["count__pricing__28d"]] - 1.0
    drive += np.where(matrix[:, small_catalog.positions["attribute__industry"]] == 1, 1.0, 0.0)
    labels = (np.random.default_rng(2).random(ROWS) < 1.0 / (1.0 + np.exp(-drive))).astype(np.int8)
    return matrix, labels


@pytest.fixture(scope="session")
def small_bundle(small_catalog: Catalog, rows: tuple[np.ndarray, np.ndarray]) -> Bundle:
    matrix, labels = rows
    frame = pd.DataFrame(
        {
            "lead_id": [f"L-{i}" for i in range(ROWS)],
            "account_id": [f"A-{i // 2}" for i in range(ROWS)],
            "snapshot_at": pd.date_range("2026-03-02", periods=ROWS, freq="6h", tz="UTC"),
            "is_headline": True,
            "label": labels,
            "slice": ["train"] * 220 + ["early_stopping"] * 80 + ["calibration"] * 100,
        }
    )
    product = fit_product(
        matrix,
        frame,
        small_catalog,
        train=TrainParams(num_threads=1, learning_rate=0.1, max_rounds=60, min_data_in_leaf=10),
        split=SplitParams(early_stopping_share=0.2, calibration_share=0.3),
        calibration=CalibrationParams(bootstrap=20, interval=0.3, widest=1.0),
        tiers=TiersParams(A=0.1, B=0.2, C=0.3),
        label_days=60,
        recording_delay_days=2,
        ordinal=False,
    )
    metadata = {"source": "drawn", "label_days": 60, "risk_set": "mql"}
    return Bundle(
        product.classifier, product.uncertainty, product.calibration, product.cutoffs, small_catalog, metadata
    )
