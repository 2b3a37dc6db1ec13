"""What people add most often takes as few files as CONTRIBUTING says: each is added in a copy of the project and counted."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

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
    _text("lead_id", key=True),
    _text("event_key", key=True),
    _text("asset"),
    _text("stars", null=True),
    _whole("occurred_at"),
    _whole("recorded_at"),
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
    replace(kinds / "__init__.py", "IDENTITIES, MERGED_LEADS)", "IDENTITIES, MERGED_LEADS, RATINGS)")
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
