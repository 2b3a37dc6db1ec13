"""A tiny trained bundle and the real service over it, on a free loopback port."""

import contextlib
import datetime as dt
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.attributes import AttributeSpec
from features.buyer_profile import GAP_BOUNDS, BuyerProfile, States
from features.catalog import Catalog, Learned, build_catalog
from features.compute import Snapshots, compute_features
from features.journeys import Journeys
from features.operations import GROUPS
from features.params import ContentParams, FeaturesParams, SelectorParams
from features.timeline import to_micros
from models.analyses import ANALYSES, FOLDER
from models.bundle import Bundle
from models.fitting.recipe import Product, fit_product
from models.params import CalibrationParams, SplitParams, TiersParams, TrainParams
from serving.http.logs import ACCESS_LOG
from tests.analyses_examples import examples

ROLES = ("purchasing", "head of it", None)
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
OURS = "serving.service:LeadQualification"
LEADS = 400


def _iso(moment: dt.datetime) -> str:
    return moment.isoformat()


def make_leads(count: int, seed: int) -> list[dict[str, Any]]:
    """Draw leads as a CRM would send them, some touchpoints recorded late, at or after the snapshot."""
    random = np.random.default_rng(seed)
    leads = []
    for number in range(count):
        snapshot_at = START + dt.timedelta(days=int(random.integers(40, 200)), seconds=int(random.integers(0, 86_400)))
        touchpoints = []
        for _ in range(int(random.integers(0, 30))):
            occurred_at = snapshot_at - dt.timedelta(microseconds=int(random.integers(-5 * 86_400e6, 60 * 86_400e6)))
            kind = str(random.choice(["page_view", "mail_click", "webinar"]))
            item = {"occurred_at": _iso(occurred_at), "kind": kind, "channel": str(random.choice(["web", "mail"]))}
            if kind == "page_view":
                item["asset"] = str(random.choice(["pricing", "documentation_api", "home"]))
            if random.random() < 0.2:
                item["recorded_at"] = _iso(occurred_at + dt.timedelta(hours=int(random.integers(0, 72))))
            if random.random() < 0.3:
                item["value"] = round(float(random.normal()) * 100.0, 3)
            if random.random() < 0.1:
                item["by"] = "sales"
            touchpoints.append(item)
        attributes: dict[str, Any] = {}
        if random.random() < 0.8:
            attributes["newsletter"] = bool(random.random() < 0.5)
        account: dict[str, Any] = {"account_id": f"A-{number // 2}", "attributes": {}}
        account |= _colleagues(random, snapshot_at)
        if random.random() < 0.9:
            account["attributes"]["industry"] = str(random.choice(["energy", "retail", "machines"]))
        if random.random() < 0.9:
            account["attributes"]["employees"] = int(random.integers(1, 5_000))
        leads.append(
            {
                "lead_id": f"L-{number}",
                "snapshot_at": _iso(snapshot_at),
                "created_at": _iso(snapshot_at - dt.timedelta(days=61)),
                "attributes": attributes,
                "account": account,
                "touchpoints": touchpoints,
                "stage_changes": [{"stage": "mql", "occurred_at": _iso(snapshot_at - dt.timedelta(days=3))}],
            }
        )
    return leads


def _colleagues(random: np.random.Generator, snapshot_at: dt.datetime) -> dict[str, Any]:
    """Draw what others at the account did, and what it bought, partly at or after the snapshot."""
    people = [(f"C-{person}", ROLES[int(random.integers(3))]) for person in range(int(random.integers(0, 4)))]

    def moment() -> dt.datetime:
        return snapshot_at - dt.timedelta(seconds=int(random.integers(-3 * 86_400, 60 * 86_400)))

    touchpoints, stage_changes = [], []
    for lead_id, role in people:
        for _ in range(int(random.integers(0, 8))):
            item = {"lead_id": lead_id, "occurred_at": _iso(moment()), "kind": "page_view", "channel": "web"}
            if role is not None:
                item["role"] = role
            if random.random() < 0.3:
                item["recorded_at"] = _iso(moment())
            touchpoints.append(item)
        if random.random() < 0.4:
            stage_changes.append({"lead_id": lead_id, "occurred_at": _iso(moment()), "stage": "sales_qualified"})
    orders = [
        {"ordered_at": _iso(moment()), "amount": float(random.integers(1, 900)), "product": f"P-{number % 2}"}
        for number in range(int(random.integers(0, 5)))
    ]
    return {"touchpoints": touchpoints, "stage_changes": stage_changes, "orders": orders}


def offline_matrix(leads: list[dict[str, Any]], catalog: Catalog) -> np.ndarray:
    """Compute features the pipeline's way: Arrow tables, one matrix for all leads."""
    ids = [lead["lead_id"] for lead in leads]
    rows, changes, created, orders = [], [], [], []
    for lead in leads:
        # each request is an account of its own
        mine, account = lead["lead_id"], lead.get("account", {})
        created.append({"lead_id": mine, "created_at": lead["created_at"], "account_id": mine})
        rows += [{"lead_id": mine, **item} for item in lead["touchpoints"]]
        changes += [{"lead_id": mine, **item} for item in lead["stage_changes"]]
        orders += [{"account_id": mine, **item} for item in account.get("orders", [])]
        others = {item["lead_id"]: None for item in account.get("stage_changes", [])}
        others |= {item["lead_id"]: item.get("role") for item in account.get("touchpoints", [])}
        for other, role in others.items():
            belonging = {"account_id": mine, "created_at": lead["created_at"], "role": role}
            created.append({"lead_id": f"{mine}/{other}", **belonging})
        for to, name in ((rows, "touchpoints"), (changes, "stage_changes")):
            for item in account.get(name, []):
                plain = {key: value for key, value in item.items() if key != "role"}
                to.append({**plain, "lead_id": f"{mine}/{item['lead_id']}"})
    everyone = [*ids, *(row["lead_id"] for row in created if row["lead_id"] not in set(ids))]
    journeys = Journeys.from_arrow(_table(rows), _table(changes), _table(created), everyone, orders=_table(orders))
    at = [to_micros(dt.datetime.fromisoformat(lead["snapshot_at"])) for lead in leads]
    flat = [{**lead["attributes"], **lead.get("account", {}).get("attributes", {})} for lead in leads]
    attributes = {spec.name: [values.get(spec.name) for values in flat] for spec in catalog.attributes}
    return compute_features(journeys, Snapshots(np.arange(len(leads)), np.array(at)), catalog, attributes)


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    frame = pd.DataFrame(rows)
    for name in ("occurred_at", "recorded_at", "created_at", "ordered_at"):
        if name in frame:
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601").astype("datetime64[us, UTC]")
    return pa.Table.from_pandas(frame, preserve_index=False)


def _profile(kinds: tuple[str, ...], channels: tuple[str, ...]) -> BuyerProfile:
    """Draw a buyer profile, as if it were fitted."""
    states = States(tuple((kind, channel) for kind in kinds for channel in channels))
    size, random = len(states), np.random.default_rng(4)

    def drawn(*shape: int) -> np.ndarray:
        return random.integers(-2_000_000, 2_000_000, shape)

    milestones = np.abs(drawn(size)) // 2
    return BuyerProfile(states, drawn(size), drawn(size + 1, size), drawn(len(GAP_BOUNDS) + 1), milestones)


def _fitted(
    params: FeaturesParams, specs: list[AttributeSpec], learned: Learned, weights: dict[str, float], seed: int
) -> tuple[Product, Catalog, dict[str, Any]]:
    """Fit a small model on drawn leads, whose labels follow features by weights; return it, its catalog and metadata."""
    catalog = build_catalog(params, specs, learned)
    if "buyer_profile" in params.groups:
        catalog = catalog.with_buyer_profile(_profile(learned.kinds, learned.channels))
    leads = make_leads(LEADS, seed=1)
    matrix = offline_matrix(leads, catalog)
    random = np.random.default_rng(seed)
    drive = sum(weight * np.nan_to_num(matrix[:, catalog.positions[name]]) for name, weight in weights.items()) - 0.5
    labels = (random.random(LEADS) < 1.0 / (1.0 + np.exp(-drive))).astype(np.int8)
    at = [pd.Timestamp(lead["snapshot_at"]) for lead in leads]
    frame = pd.DataFrame(
        {"lead_id": [lead["lead_id"] for lead in leads], "snapshot_at": pd.Series(at), "label": labels}
    )
    frame["account_id"] = [lead["account"]["account_id"] for lead in leads]
    frame["is_headline"] = True
    frame["slice"] = ["train"] * 200 + ["early_stopping"] * 80 + ["calibration"] * 120
    product = fit_product(
        matrix,
        frame,
        catalog,
        train=TrainParams(num_threads=1, learning_rate=0.1, max_rounds=60, min_data_in_leaf=10),
        split=SplitParams(early_stopping_share=0.2, calibration_share=0.3),
        calibration=CalibrationParams(bootstrap=20, interval=0.3, widest=1.0),
        tiers=TiersParams(A=0.1, B=0.2, C=0.3),
        label_days=60,
        recording_delay_days=2,
        ordinal=False,
    )
    metadata = {
        "source": "test",
        "clock": "real",
        "label_days": 60,
        "recording_delay_days": 2,
        "observation_days": params.observation_days,
        "base_rate": float(labels.mean()),
        "data_used_from": min(at).isoformat(),
        "data_used_until": max(at).isoformat(),
        "rounds": product.rounds,
    }
    return product, catalog, metadata


def _bundled(product: Product, catalog: Catalog, metadata: dict[str, Any]) -> Bundle:
    return Bundle(
        classifier=product.classifier,
        uncertainty=product.uncertainty,
        calibration=product.calibration,
        cutoffs=product.cutoffs,
        catalog=catalog,
        metadata=metadata,
    )


KINDS, CHANNELS = ("mail_click", "page_view", "webinar"), ("mail", "web")


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """Train a small model."""
    selectors = {
        "pricing": SelectorParams(kind=("page_view",), asset=("pricing*",)),
        "webinar": SelectorParams(kind=("webinar",)),
    }
    params = FeaturesParams(
        observation_days=50,
        windows_days=(7, 28),
        half_lives_days=(7,),
        groups=GROUPS,
        selectors=selectors,
        time_zone="Europe/Berlin",
        content=ContentParams(consideration=("webinar",), decision=("pricing",)),
        sequences=(("pricing", "webinar"),),
        role_attribute="role",
    )
    specs = [
        AttributeSpec("account", "employees", "number", "creation"),
        AttributeSpec("account", "industry", "category", "creation", ("energy", "retail")),
        AttributeSpec("lead", "newsletter", "boolean", "creation"),
    ]
    learned = Learned(KINDS, CHANNELS, common_kinds=("mail_click",), roles=("head of it", "purchasing"))
    weights = {"count__pricing__28d": 1.0, "count__webinar__28d": 0.3}
    return _bundled(*_fitted(params, specs, learned, weights, 2))


@pytest.fixture(scope="session")
def upsell_bundle() -> Bundle:
    """Train a small model of existing customers, which looks at orders and has a catalog of its own."""
    params = FeaturesParams(
        observation_days=90,
        windows_days=(28,),
        half_lives_days=(30,),
        groups=("rhythm", "orders"),
        selectors={},
        time_zone="Europe/Berlin",
    )
    product, catalog, metadata = _fitted(params, [], Learned(KINDS, CHANNELS), {"count__orders__28d": 0.8}, 3)
    return _bundled(product, catalog, {**metadata, "risk_set": "customers", "purchase": "again"})


@pytest.fixture(scope="session")
def upsell_folder(upsell_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save the model of existing customers as publishing does."""
    folder = tmp_path_factory.mktemp("upsell") / "champion"
    upsell_bundle.save(folder)
    (folder / "provenance.json").write_text(json.dumps({"name": "acme-upsell", "version": "3"}), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def bundle_folder(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save the bundle as publishing does, with its provenance and the analyses."""
    folder = tmp_path_factory.mktemp("champion") / "champion"
    bundle.save(folder)
    (folder / FOLDER).mkdir()
    for name, content in examples().items():
        (folder / FOLDER / f"{name}.json").write_text(ANALYSES[name].to_json(content), encoding="utf-8")
    (folder / "provenance.json").write_text(
        json.dumps({"name": "lead-qualification", "version": "7"}), encoding="utf-8"
    )
    return folder


@dataclass(frozen=True)
class Client:
    """Posts to one running service."""

    address: str
    log: Path
    pid: int = 0
    context: ssl.SSLContext | None = None

    def post(self, body: Any, headers: dict[str, str] | None = None, path: str = "/score") -> tuple[int, Any]:
        """Post a body, as JSON unless it is bytes; return status and parsed answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            self.address + path, data, {"Content-Type": "application/json", **(headers or {})}
        )
        try:
            with urllib.request.urlopen(request, timeout=60, context=self.context) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def get(self, path: str) -> tuple[int, bytes]:
        """Get an address; return status and body."""
        try:
            with urllib.request.urlopen(self.address + path, timeout=60, context=self.context) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def scores(self, leads: list[dict[str, Any]], **options: Any) -> list[dict[str, Any]]:
        """Score leads; fails unless the answer is 200."""
        status, answer = self.post({"leads": leads, **options})
        assert status == 200, answer
        scored: list[dict[str, Any]] = answer["leads"]
        return scored


def log_lines(log: Path) -> list[dict[str, Any]]:
    """Read a log of the service; fails unless each line is one JSON object with moment, level, logger and message."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert all({"at", "level", "logger", "message"} <= set(line) for line in lines)
    return lines


def access_lines(log: Path) -> list[dict[str, Any]]:
    """Read the lines of single requests from a log of the service."""
    return [line for line in log_lines(log) if line["logger"] == ACCESS_LOG and "request_id" in line]


def settled(ask: Callable[[], Any], wanted: Callable[[Any], bool], times: int = 24) -> None:
    """Ask until so many answers in a row are wanted ones: each worker looks for news by itself, on a busy machine late."""
    end, row, answer = time.monotonic() + 300.0, 0, None
    while row < times:
        answer = ask()
        row = row + 1 if wanted(answer) else 0
        if row == 0:
            if time.monotonic() > end:
                pytest.fail(f"it still answers {answer!r}")
            time.sleep(0.1)


def free_port() -> int:
    """Find a free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serve(
    target: str,
    folder: Path,
    log: Path,
    environment: dict[str, str],
    host: str = "127.0.0.1",
    options: Sequence[str] = (),
    context: ssl.SSLContext | None = None,
) -> Iterator[Client]:
    """Serve a target from a folder until the block ends; with a `context`, by TLS, for which there are `options`."""
    port, where = free_port(), "http://127.0.0.1" if context is None else "https://localhost"
    program = [sys.executable, "-m", "serving"]
    if target != OURS:
        program = [str(Path(sys.executable).with_name("bentoml")), "serve", target]
    command = [*program, "--host", host, "--port", str(port), *options]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LEAD_", "MLFLOW_", "PYTHONPATH"))}
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={
                **kept,
                "LEAD_DRAIN_SECONDS": "0",
                "LEAD_STORE_URL": f"sqlite:///{log.parent / 'store.db'}",
                **environment,
            },
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            client = Client(f"{where}:{port}", log, process.pid, context)
            for _ in range(3000):  # a first start compiles, on a busy machine for minutes
                if process.poll() is not None:
                    pytest.fail(f"the service stopped:\n{log.read_text(encoding='utf-8')}")
                with contextlib.suppress(OSError):
                    if client.get("/readyz")[0] == 200:
                        break
                time.sleep(0.1)
            else:
                pytest.fail(f"the service did not become ready:\n{log.read_text(encoding='utf-8')}")
            yield client
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def service(root: Path, bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Run the service of this repository over the tiny bundle, with two workers."""
    folder = tmp_path_factory.mktemp("service")
    environment = {"LEAD_BUNDLE_DIR": str(bundle_folder), "LEAD_WORKERS": "2", "BENTOML_HOME": str(folder / "bentoml")}
    with serve("serving.service:LeadQualification", root, folder / "log.txt", environment) as client:
        yield client


@pytest.fixture(scope="session")
def leads() -> list[dict[str, Any]]:
    """Leads that the model has not seen."""
    return make_leads(60, seed=3)


@pytest.fixture(scope="session")
def serving_at() -> Any:
    """Give tests the way to serve something else."""
    return serve


@pytest.fixture(scope="session")
def offline() -> Any:
    """Give tests the pipeline's way to features."""
    return offline_matrix
