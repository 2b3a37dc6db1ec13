"""What people add most often takes as few files as CONTRIBUTING says: each is added in a copy of the project and counted."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

PACKAGES = ("features", "models", "pipeline", "serving", "tests")
FILES = ("params.yaml", "dvc.yaml", "pyproject.toml")

AGREES = """
import numpy as np
from features.catalog import build_catalog
from features.compute import Snapshots, compute_features
from features.journeys import Journeys, LeadJourney, TouchpointRecord
from features.params import FeaturesParams
from tests.oracle import oracle_row
day = 86_400_000_000
params = FeaturesParams(
    observation_days=30, windows_days=(7,), half_lives_days=(), groups=("engagement",), selectors={}, operations=("paid",)
)
catalog = build_catalog(params, [])
lead = LeadJourney("L-1", [TouchpointRecord("order", at * day, value=at - 10.0) for at in (1, 8, 10, 16, 18)])
for at in (1, 9, 17, 20, 48, 60):
    row = compute_features(Journeys.from_records([lead]), Snapshots(np.array([0]), np.array([at * day])), catalog)[0]
    np.testing.assert_array_equal(row, np.array(oracle_row(lead, at * day, catalog), dtype=np.float32))
feature = catalog.features[catalog.positions["paid__all__7d"]]
print(feature.text(3.0), "|", feature.text(1.0, "de"))
"""


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    for name in PACKAGES:
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(root / name, tmp_path / name)
    return tmp_path


def changed(copy: Path, root: Path) -> set[str]:
    """List the files that were added, or differ, in the copy."""
    files = {path.relative_to(copy) for path in copy.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    return {
        str(path)
        for path in files
        if not (root / path).is_file() or (root / path).read_bytes() != (copy / path).read_bytes()
    }


def run(copy: Path, *arguments: str) -> str:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(copy)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, (path, old, text.count(old))
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_an_operation(copy: Path, root: Path) -> None:
    run(copy, "-m", "pipeline.new_operation", "paid", "--group", "engagement", "--unit", "touchpoints with a value")
    assert changed(copy, root) == {"features/operations/engagement.py", "features/kernels/fold.py", "tests/oracle.py"}
    replace(
        copy / "features/kernels/fold.py",
        "start[c] < end[c]:\n                out[row[c], column] = end[c] - start[c]\n",
        "start[c] < end[c]:\n"
        "                paid = 0\n"
        "                for j in range(start[c], end[c]):\n"
        "                    paid += picked.value[position[j]] != 0\n"
        "                out[row[c], column] = paid\n",
    )
    replace(
        copy / "tests/oracle.py",
        'raise NotImplementedError("measure look.items")',
        "return float(sum(bool(item.value) for item in look.items))",
    )
    replace(
        copy / "features/operations/engagement.py", 'en="{label}, paid {window}: {n}"', 'en="{n} paid {label} {window}"'
    )
    said = run(copy, "-W", "ignore::RuntimeWarning", "-c", AGREES)
    assert said == "3 paid touchpoints in the last 7 days | Kontaktpunkte, paid in den letzten 7 Tagen: 1\n"
    assert len(changed(copy, root)) == 3


def test_the_start_of_an_operation_fails_until_it_is_defined(copy: Path) -> None:
    run(copy, "-m", "pipeline.new_operation", "paid", "--group", "engagement")
    with pytest.raises(AssertionError, match="measure look.items"):
        run(copy, "-c", AGREES)


@pytest.mark.parametrize(("name", "says"), [("count", "is taken or not usable"), ("Paid", "is taken or not usable")])
def test_an_operation_of_a_name_that_is_no_good(copy: Path, root: Path, name: str, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        run(copy, "-m", "pipeline.new_operation", name, "--group", "engagement")
    assert changed(copy, root) == set()


SPEAKS = """
from models.presentation.catalogues import LANGUAGES, choose_language, words
from models.presentation.model_names import model_name
from models.presentation.numbers import date, percent
from models.presentation.rendering import file_page
from markupsafe import Markup
from pipeline.leakage.stated import stated
assert list(LANGUAGES) == ["en", "de", "fr"], LANGUAGES
assert choose_language(accepted="fr-CA, de;q=0.5") == "fr"
page = file_page(lambda code: words(code).gettext("Model card"), lambda code: "", lambda code: Markup("<p></p>"))
assert '<label for="language-fr" lang="fr">fran\u00e7ais</label>' in page
assert "<h1>Carte du mod\u00e8le</h1>" in page
print(model_name("points", "fr"), percent(0.123, "fr"), date("2026-03-09", "fr"), stated("Findings")["fr"], sep="|")
"""


def test_a_language(copy: Path, root: Path) -> None:
    """One folder, and no other file: pages, numbers, dates and findings have it."""
    said = run(copy, "-m", "models.presentation", "--add", "fr")
    assert "models/presentation/locale/fr/LC_MESSAGES/messages.po" in said
    assert changed(copy, root) == {"models/presentation/locale/fr/LC_MESSAGES/messages.po"}
    file = copy / "models/presentation/locale/fr/LC_MESSAGES/messages.po"
    replace(file, 'msgid "Model card"\nmsgstr ""', 'msgid "Model card"\nmsgstr "Carte du modèle"')
    replace(file, 'msgid "points table"\nmsgstr ""', 'msgid "points table"\nmsgstr "tableau des points"')
    said = " ".join(run(copy, "-c", SPEAKS).split())
    assert said == "tableau des points|12,3 %|9 mars 2026|Findings"


RATINGS = '''"""How content was rated."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from models.answers.requests.fields import Moment, Text
from serving.contract.event_kinds.kind import EventKind, OfLead, refuse_nul

__all__ = ["RATINGS"]


class Rating(OfLead):
    """One rating."""

    asset: Text
    stars: Text | None = None
    occurred_at: Moment
    recorded_at: Moment | None = Field(None)


def _rows(items: Sequence[Rating], path: str) -> list[dict[str, Any]]:
    for position, item in enumerate(items):
        refuse_nul(item, f"{path}[{position}]")
    return [item.model_dump() for item in items]


RATINGS = EventKind(
    name="ratings",
    item=Rating,
    most=1_000,
    rows=_rows,
    summary="Send ratings of content.",
    example={"lead_id": "L-1001", "asset": "ebook", "occurred_at": "2026-03-01T17:00:00Z"},
    conflict_hint="Send the same content, or another moment.",
)
'''
RATINGS_TABLE = '''
ratings = sa.Table(
    "ratings",
    metadata,
    text("lead_id", key=True),
    text("event_key", key=True),
    text("asset"),
    text("stars", null=True),
    whole("occurred_at"),
    whole("recorded_at"),
    info={"same": ("asset", "occurred_at")},
)
"""One row per rating."""
'''
TOLD = """
import json
from pathlib import Path
import pyarrow.parquet as pq
from serving.contract.body_shape import BODIES
from serving.contract.event_kinds import EVENT_KINDS
from serving.contract.errors import RequestError
from serving.contract.routes import match
from serving.export_store import export_store
from serving.online.intake import accept
from serving.openapi.document import openapi_document
from serving.store.connect import Store
from serving.store.migrate import migrate
url = "sqlite:///store.db"
migrate(url)
store, now = Store(url), 1_800_000_000_000_000
body = json.dumps(EVENT_KINDS["ratings"].example_body).encode()
print(accept(store, "ratings", body, now)["new"], accept(store, "ratings", body, now)["duplicate"])
print(match("/ratings").route.needs, "/ratings" in openapi_document({})["paths"])
try:
    accept(store, "ratings", b'{"ratings": [{"lead_id": "L", "asset": "a"}]}', now)
except RequestError as error:
    print(error.code, error.field)
export_store(store, Path("out"), now)
print(pq.read_table("out/ratings.parquet").select(["lead_id", "asset", "stars"]).to_pylist())
"""


def test_an_event_kind(copy: Path, root: Path) -> None:
    kinds = copy / "serving/contract/event_kinds"
    (kinds / "ratings.py").write_text(RATINGS, encoding="utf-8")
    replace(
        kinds / "__init__.py",
        "from serving.contract.event_kinds.stage_changes import",
        "from serving.contract.event_kinds.ratings import RATINGS\nfrom serving.contract.event_kinds.stage_changes import",
    )
    replace(kinds / "__init__.py", "MERGED_LEADS, OBJECTIONS)", "MERGED_LEADS, OBJECTIONS, RATINGS)")
    with (copy / "serving/store/schema.py").open("a", encoding="utf-8") as file:
        file.write(RATINGS_TABLE)
    run(copy, "-m", "serving.store.migrate", "--new", "ratings")
    files = changed(copy, root)
    assert len({path for path in files if "/migrations/" not in path}) <= 4
    assert sum("/migrations/" in path for path in files) == 1
    assert run(copy, "-c", TOLD).splitlines() == [
        "1 1",
        "write True",
        "missing_field ratings[0].occurred_at",
        "[{'lead_id': 'L-1001', 'asset': 'ebook', 'stars': None}]",
    ]


DEVICE = (
    (
        "features/vocabulary.py",
        'TouchpointField("campaign", coded=True),\n',
        '    TouchpointField("device", coded=True),\n',
    ),
    ("features/records.py", "    campaign: str | None = None\n", "    device: str | None = None\n"),
    (
        "features/params.py",
        "    campaign: tuple[str, ...] | None = None\n",
        "    device: tuple[str, ...] | None = None\n",
    ),
    (
        "models/answers/requests/schemas.py",
        '    campaign: Loose | None = Field(None, examples=["spring"])\n',
        '    device: Loose | None = Field(None, examples=["phone"])\n',
    ),
    ("features/kernels/structs.py", "    campaign: np.ndarray\n", "    device: np.ndarray\n"),
    (
        "features/kernels/selection.py",
        "        & masks[starts[3] + columns.campaign[i], word]\n",
        "        & masks[starts[4] + columns.device[i], word]\n",
    ),
    (
        "features/kernels/order.py",
        "        packed[i, 5] = columns.by[i]\n",
        "        packed[i, 6] = columns.device[i]\n",
    ),
    (
        "features/kernels/order.py",
        "                arranged.by[slot] = packed[here, 5]\n",
        "                arranged.device[slot] = packed[here, 6]\n",
    ),
    (
        "features/kernels/order.py",
        "                arranged.by[slot] = columns.by[here]\n",
        "                arranged.device[slot] = columns.device[here]\n",
    ),
    ("features/journeys.py", "    campaign: np.ndarray\n", "    device: np.ndarray\n"),
    ("features/journeys.py", "    campaigns: tuple[str, ...]\n", "    devices: tuple[str, ...]\n"),
    ("features/journeys.py", "            self.campaign,\n", "            self.device,\n"),
    ("features/journeys.py", "        campaign=campaign,\n", "        device=device,\n"),
    (
        "features/journeys.py",
        '        campaigns=rows.coded["campaign"].values,\n',
        '        devices=rows.coded["device"].values,\n',
    ),
)
DEVICES_PICK = """
import json
import datetime as dt
from pathlib import Path
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from features.catalog import build_catalog
from features.compute import Snapshots, compute_features
from features.journeys import Journeys
from features.params import FeaturesParams, SelectorParams
from models.answers.requests.records import parse_lead
from serving.contract.event_kinds import EVENT_KINDS
from serving.export_store import export_store
from serving.online.intake import accept
from serving.store.connect import Store
from serving.store.migrate import migrate
from tests.oracle import oracle_row
rule = SelectorParams(device=("ph*",), label={"en": "by phone", "de": "am Telefon"})
params = FeaturesParams(
    observation_days=30, windows_days=(7,), half_lives_days=(), groups=("engagement",), selectors={"phone": rule}
)
catalog = build_catalog(params, [])
sent = [{"kind": "visit", "occurred_at": f"2026-01-0{day}T10:00:00Z", "device": device}
        for day, device in ((1, "phone"), (1, "desk"), (2, None), (3, "phablet"), (1, "phone"))]
request = parse_lead({"lead_id": "L", "snapshot_at": "2026-01-05T00:00:00Z", "touchpoints": sent})
rows = [{**item, "lead_id": "L", "occurred_at": dt.datetime.fromisoformat(item["occurred_at"])} for item in sent]
at = Snapshots(np.array([0]), np.array([request.snapshot_at]))
online = compute_features(Journeys.from_records([request.journey]), at, catalog)[0]
offline = compute_features(Journeys.from_arrow(pa.Table.from_pylist(rows), None, None, ["L"]), at, catalog)[0]
other = compute_features(Journeys.from_arrow(pa.Table.from_pylist(rows[::-1]), None, None, ["L"]), at, catalog)[0]
oracle = np.array(oracle_row(request.journey, request.snapshot_at, catalog), dtype=np.float32)
for row in (offline, other, oracle):
    np.testing.assert_array_equal(online, row)
print(online[catalog.positions["count__phone__7d"]])
url = "sqlite:///store.db"
migrate(url)
store, now = Store(url), 1_800_000_000_000_000
body = {"touchpoints": [{"lead_id": "L", **item} for item in sent[:2]]}
print(accept(store, "touchpoints", json.dumps(body).encode(), now)["new"])
export_store(store, Path("out"), now)
print(sorted(pq.read_table("out/touchpoints.parquet")["device"].to_pylist()))
"""


def test_a_touchpoint_field(copy: Path, root: Path) -> None:
    """A coded one, which selectors may look at: at most eight files and a migration."""
    for name, line, new in DEVICE:
        replace(copy / name, line, line + new)
    replace(copy / "features/kernels/selection.py", "starts[4] + columns.by", "starts[5] + columns.by")
    replace(
        copy / "features/journeys.py", "self.assets, self.campaigns\n", "self.assets, self.campaigns, self.devices\n"
    )
    replace(
        copy / "features/journeys.py",
        "asset, campaign, by, value = arranged",
        "asset, campaign, device, by, value = arranged",
    )
    run(copy, "-m", "serving.store.migrate", "--new", "devices")
    files = changed(copy, root)
    assert len({path for path in files if "/migrations/" not in path}) <= 8
    assert sum("/migrations/" in path for path in files) == 1
    assert run(copy, "-c", DEVICES_PICK).splitlines() == ["3.0", "2", "['desk', 'phone']"]


MEASURES = """
import numpy as np
from models.params import EvaluateParams
from models.presentation.metric_names import DIGITS, metric_name
from models.quality.evaluation import evaluate_rows
from models.quality.metrics import evaluate
from pipeline.pages.metric_words import metrics_table
labels, scores = np.array([1, 0, 0, 1] * 10), np.linspace(0.9, 0.1, 40)
measured = evaluate(labels, scores, np.arange(40), None, 10, EvaluateParams(bootstrap=20))
none = measured["none_at_capacity"]
assert none["low"] <= none["value"] <= none["high"], none
head, rows = metrics_table({"product": measured, "baselines": {}}, "de")
print(none["value"], "|", head[-1], "|", rows[0][-1][0])
"""


def test_a_metric(copy: Path, root: Path) -> None:
    """Its value, its name, and its name in other languages; reports, runs and /app show it."""
    replace(
        copy / "models/quality/metric_kernels.py",
        '            "lift_at_capacity": lift,\n',
        '            "lift_at_capacity": lift,\n            "none_at_capacity": 1.0 - at_capacity,\n',
    )
    replace(
        copy / "models/quality/metrics.py",
        '    "precision_at_capacity",\n    "lift_at_capacity",\n)',
        '    "precision_at_capacity",\n    "lift_at_capacity",\n    "none_at_capacity",\n)',
    )
    replace(
        copy / "models/presentation/metric_names.py",
        '    "ece": n_("calibration error"),\n',
        '    "ece": n_("calibration error"),\n    "none_at_capacity": n_("calls in vain"),\n',
    )
    run(copy, "-m", "models.presentation")
    catalogue = copy / "models/presentation/locale/de/LC_MESSAGES/messages.po"
    replace(catalogue, 'msgid "calls in vain"\nmsgstr ""', 'msgid "calls in vain"\nmsgstr "vergebliche Anrufe"')
    assert changed(copy, root) == {
        "models/quality/metric_kernels.py",
        "models/quality/metrics.py",
        "models/presentation/metric_names.py",
        "models/presentation/locale/de/LC_MESSAGES/messages.po",
    }
    assert run(copy, "-c", MEASURES).strip() == "0.5 | vergebliche Anrufe | 0,500"


VISITS = """
CREATE OR REPLACE TEMP VIEW visits AS
SELECT * FROM read_lines(getvariable('raw_dir') || '/visits.csv');

CREATE OR REPLACE VIEW export AS
SELECT TIMESTAMPTZ '2026-02-01 00:00:00Z' AS exported_at, 'real' AS clock;

CREATE OR REPLACE VIEW leads AS
SELECT "visitor" AS lead_id, min("at"::TIMESTAMPTZ) AS created_at, any_value("shop") AS shop
FROM visits GROUP BY ALL;

CREATE OR REPLACE VIEW touchpoints AS
SELECT "visitor" AS lead_id, "at"::TIMESTAMPTZ AS occurred_at, 'visit' AS kind, source_file, source_line FROM visits;

CREATE OR REPLACE VIEW stage_changes AS
SELECT "visitor" AS lead_id, 'mql' AS stage, "at"::TIMESTAMPTZ AS occurred_at, source_file, source_line FROM visits;

CREATE OR REPLACE VIEW attributes AS
SELECT * FROM (VALUES ('lead', 'shop', 'category', 'creation')) AS declared (entity, attribute, type, known_at);
"""


def test_a_source(copy: Path, root: Path) -> None:
    """One SQL file, and the name of it in params.yaml."""
    (copy / "pipeline/sources/visits.sql").write_text(VISITS, encoding="utf-8")
    replace(copy / "params.yaml", "source: simulated ", "source: visits ")
    assert changed(copy, root) == {"pipeline/sources/visits.sql", "params.yaml"}
    raw = copy / "data" / "raw"
    raw.mkdir(parents=True)
    lines = [
        "visitor,at,shop",
        "V1,2026-01-01T10:00:00Z,Ulm",
        "V1,2026-01-02T10:00:00Z,Ulm",
        "V2,2026-01-03T10:00:00Z,Bonn",
    ]
    (raw / "visits.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    run(copy, "-m", "pipeline.ingest")
    touchpoints = pq.read_table(copy / "data/canonical/touchpoints.parquet").to_pylist()
    assert [row["lead_id"] for row in touchpoints] == ["V1", "V1", "V2"]
    leads = pq.read_table(copy / "data/canonical/leads.parquet").to_pylist()
    assert {row["lead_id"]: row["shop"] for row in leads} == {"V1": "Ulm", "V2": "Bonn"}


STAGE = '''"""Stage `shops`: how many leads each account has."""

from pathlib import Path

from pipeline.console import run_main
from pipeline.params import load_params
from pipeline.tables.json_files import write_json
from pipeline.tables.parquet import read_table

__all__ = ["SECTIONS", "main"]

SECTIONS = ("paths",)


def main() -> None:
    """Count, and write ``metrics/shops.json``."""
    params = load_params(SECTIONS)
    leads = read_table(Path(params.paths.data_dir) / "canonical" / "leads.parquet", "leads")
    write_json(Path(params.paths.metrics_dir) / "shops.json", {"leads": len(leads)})


if __name__ == "__main__":
    run_main(main)
'''
STAGE_ENTRY = """  shops:
    desc: How many leads there are
    cmd: python -m pipeline.shops
    params: [paths]
    deps:
      - data/canonical
    metrics:
      - metrics/shops.json: {cache: false}
"""


def test_a_stage(copy: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its module, its entry, and its name among the stages; the folders of code that it reads are found."""
    (copy / "pipeline/shops.py").write_text(STAGE, encoding="utf-8")
    replace(copy / "dvc.yaml", "\nmetrics:\n", f"\n{STAGE_ENTRY}\nmetrics:\n")
    text = (copy / "pyproject.toml").read_text(encoding="utf-8")
    assert text.count('"pipeline.segments",') == 2
    (copy / "pyproject.toml").write_text(
        text.replace('"pipeline.segments",', '"pipeline.segments", "pipeline.shops",'), encoding="utf-8"
    )
    monkeypatch.setenv("UPDATE_STAGES", "1")
    run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contracts/test_stages.py", "-k", "shops")
    assert changed(copy, root) == {"pipeline/shops.py", "dvc.yaml", "pyproject.toml"}
    assert "      - pipeline/tables\n" in (copy / "dvc.yaml").read_text(encoding="utf-8").split("  shops:\n")[1]
