"""A running fake of each CRM, the adapters before it, and a small model for whole journeys."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.data_protection.key_ring import Key, KeyRing
from models.data_protection.pseudonyms import Pseudonyms
from models.params import CalibrationParams, SplitParams, TiersParams, TrainParams
from pipeline.crm.hubspot import HubSpot
from pipeline.crm.salesforce import Salesforce
from pipeline.params import load_params
from tests.pipeline.crm.fake_hubspot import TOKEN, FakeHubSpot
from tests.pipeline.crm.fake_salesforce import SESSION, FakeSalesforce, session
from tests.pipeline.crm.server import serving

RING = KeyRing("pseudonyms", (Key("00" * 4, b"k" * 32, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),))


@pytest.fixture(scope="session")
def params(root: Path) -> Any:
    return load_params(("crm", "capacity", "snapshots", "labels", "features", "ingest"), root / "params.yaml")


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def hubspot(params: Any, pauses: list[float]) -> Iterator[Any]:
    """The fake, and a function that makes an adapter for it."""
    fake = FakeHubSpot()
    with serving(fake) as address:

        def make(**changes: Any) -> HubSpot:
            token = changes.pop("token", TOKEN)
            section = params.crm.hubspot.model_copy(update=changes)
            quiet = {"sleep": pauses.append, "jitter": lambda low, high: high}
            return HubSpot(params.crm.model_copy(update={"hubspot": section}), token, address, **quiet)

        yield SimpleNamespace(fake=fake, make=make)


@pytest.fixture
def salesforce(params: Any, pauses: list[float]) -> Iterator[Any]:
    """The fake, and a function that makes an adapter for it."""
    fake = FakeSalesforce()
    with serving(fake) as address:

        def make(**changes: Any) -> Salesforce:
            pseudonyms = changes.pop("pseudonyms", Pseudonyms(RING))
            client = {"session": session(), "session_id": changes.pop("session_id", SESSION), "instance_url": address}
            section = params.crm.salesforce.model_copy(update=changes)
            quiet = {"sleep": pauses.append, "jitter": lambda low, high: high}
            return Salesforce(params.crm.model_copy(update={"salesforce": section}), pseudonyms, client, **quiet)

        yield SimpleNamespace(fake=fake, make=make)


@pytest.fixture
def make_bundle(params: Any) -> Callable[[], Any]:
    """Return a function that trains a small model which takes touchpoints alone."""
    from features.catalog import Learned, build_catalog
    from models.bundle import Bundle
    from models.fitting.recipe import fit_product

    def make() -> Bundle:
        random = np.random.default_rng(1)
        groups = {"groups": ("engagement",), "automatic_min_leads": None}
        catalog = build_catalog(
            params.features.model_copy(update=groups), [], Learned(kinds=("page_view", "mail_open"), channels=("web",))
        )
        n = 900
        at = pd.date_range("2025-01-01", periods=n, freq="6h", tz="UTC").as_unit("us")
        signal = random.normal(size=n)
        frame = pd.DataFrame(
            {
                "lead_id": [f"L-{i}" for i in range(n)],
                "account_id": [f"A-{i // 2}" for i in range(n)],
                "snapshot_at": at,
                "is_headline": True,
                "slice": np.repeat(["train", "early_stopping", "calibration", "test"], [360, 120, 120, 300]),
                "label": (random.random(n) < 1.0 / (1.0 + np.exp(1.0 - 2.0 * signal))).astype("int8"),
            }
        )
        matrix = random.poisson(2.0, size=(n, len(catalog.features))).astype(np.float32)
        matrix[:, :20] = np.round(np.clip(signal[:, None] + 2.0, 0.0, None))
        product = fit_product(
            matrix,
            frame,
            catalog,
            train=TrainParams(seed=7, num_threads=1, max_rounds=40, early_stopping_rounds=10, min_data_in_leaf=20),
            split=SplitParams(early_stopping_share=0.1, calibration_share=0.1),
            calibration=CalibrationParams(method="sigmoid", bootstrap=20),
            tiers=TiersParams(A=0.1, B=0.2, C=0.3),
            label_days=60,
            recording_delay_days=0,
            ordinal=False,
        )
        metadata = {
            "source": "crm",
            "clock": "real",
            "exported_at": "2025-12-01T00:00:00+00:00",
            "risk_set": "mql",
            "label_days": 60,
            "observation_days": 365,
            "data_sha256": "ab" * 32,
        }
        return Bundle(product.classifier, product.uncertainty, product.calibration, product.cutoffs, catalog, metadata)

    return make
