"""The purpose registry: nothing is used without an entry, drafts are named, and a person's entries are never touched."""

from pathlib import Path

import pyarrow as pa
import pytest

from features.errors import DataError, LeadQualificationError, ParameterError
from features.operations import GROUPS
from pipeline import publish
from pipeline.data_protection.registry import SECTIONS, read_registry, registry_file
from pipeline.data_protection.registry_check import check_purposes, refuse_drafts
from pipeline.data_protection.registry_drafts import add_drafts
from pipeline.tables.parquet import write_table
from pipeline.tables.personal_fields import PersonalFields

FIELDS = PersonalFields(("account.industry", "lead.role"), ("mail_open", "webinar"), ("stage_changes",))


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the drafts of a source, in a folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    add_drafts(registry_file("acme"), FIELDS)
    return registry_file("acme")


def confirm(path: Path) -> None:
    text = path.read_text().replace("state: draft", "state: confirmed")
    path.write_text(
        text.replace("name: null", "name: Acme AG").replace("contact: null", "contact: privacy@acme.example")
    )


def test_drafts_cover_every_field_and_let_ingest_run_with_a_warning(path: Path) -> None:
    (warning,) = check_purposes("acme", FIELDS)
    assert "5 purpose(s) are drafts" in warning
    assert "touchpoint_kinds.mail_open" in warning
    registry = read_registry(path)
    assert registry is not None
    assert registry.missing(FIELDS, GROUPS) == []
    assert registry.touchpoint_kinds["mail_open"].legal_basis == "consent"
    assert registry.touchpoint_kinds["webinar"].legal_basis == "legitimate_interest"


def test_a_source_without_a_registry_is_one_warning(path: Path) -> None:
    (warning,) = check_purposes("other", FIELDS)
    assert "purposes --draft" in warning


def test_a_field_without_an_entry_is_refused_and_the_entry_to_add_works(path: Path) -> None:
    more = FIELDS._replace(attributes=(*FIELDS.attributes, "lead.shoe_size"), touchpoint_kinds=("fax", "mail_open"))
    with pytest.raises(DataError, match=r"attributes\.lead\.shoe_size, touchpoint_kinds\.fax") as refusal:
        check_purposes("acme", more)
    lines = str(refusal.value).splitlines()
    text = path.read_text()
    for section in ("attributes", "touchpoint_kinds"):
        entry = lines[lines.index(f"{section}:") + 1]
        text = text.replace(f"{section}:\n", f"{section}:\n{entry}\n")
    path.write_text(text)
    assert check_purposes("acme", more)


def test_a_feature_group_without_an_entry_is_refused(path: Path) -> None:
    path.write_text("".join(line for line in path.read_text().splitlines(True) if '"rhythm"' not in line))
    with pytest.raises(DataError, match=r"feature_groups\.rhythm"):
        check_purposes("acme", FIELDS, ("engagement", "rhythm"))


def test_a_pattern_covers_kinds_and_the_longest_wins(path: Path) -> None:
    text = path.read_text().replace('"webinar":', '"*":')
    path.write_text(text.replace('"mail_open":', '"mail_*":'))
    registry = read_registry(path)
    assert registry is not None
    found = registry.find("touchpoint_kinds", "mail_click")
    assert found is not None
    assert found.legal_basis == "consent"
    assert registry.missing(FIELDS._replace(touchpoint_kinds=("anything",))) == []


def test_adding_drafts_leaves_what_a_person_wrote(path: Path) -> None:
    confirm(path)
    path.write_text(path.read_text().replace("attributes:\n", "attributes:  # checked with the works council\n"))
    before = path.read_text()
    assert add_drafts(path, FIELDS) == []
    assert path.read_text() == before
    more = FIELDS._replace(attributes=("lead.shoe_size",), tables=("orders", "stage_changes"))
    assert add_drafts(path, more) == [("attributes", "lead.shoe_size"), ("tables", "orders")]
    after = path.read_text().splitlines()
    assert set(before.splitlines()) <= set(after)
    assert len(after) == len(before.splitlines()) + 2
    registry = read_registry(path)
    assert registry is not None
    assert registry.drafts() == [("attributes", "lead.shoe_size"), ("tables", "orders")]


def test_drafts_can_be_added_to_an_empty_section(path: Path) -> None:
    add_drafts(registry_file("bare"), PersonalFields(("lead.role",), (), ()))
    assert add_drafts(registry_file("bare"), FIELDS)
    assert check_purposes("bare", FIELDS, GROUPS)


def test_production_wants_everything_that_is_used_confirmed_and_somebody_responsible(path: Path) -> None:
    with pytest.raises(LeadQualificationError, match="are drafts"):
        refuse_drafts("acme", FIELDS, GROUPS)
    text = path.read_text()
    path.write_text(text.replace("state: draft", "state: confirmed"))
    with pytest.raises(LeadQualificationError, match=r"controller\.name"):
        refuse_drafts("acme", FIELDS, GROUPS)
    path.write_text(text)
    confirm(path)
    assert refuse_drafts("acme", FIELDS, GROUPS).controller.name == "Acme AG"
    with pytest.raises(DataError, match=r"lead\.shoe_size"):
        refuse_drafts("acme", FIELDS._replace(attributes=("lead.shoe_size",)), GROUPS)
    with pytest.raises(LeadQualificationError, match="does not exist"):
        refuse_drafts("other", FIELDS, GROUPS)


def test_publish_for_production_asks_the_registry_first(
    path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (root / "params.yaml").read_text().replace("source: simulated", "source: acme")
    Path("params.yaml").write_text(text)
    rows = [{"entity": "lead", "attribute": "role", "type": "category", "known_at": "creation"}]
    write_table(Path("data/canonical/attributes.parquet"), "attributes", pa.Table.from_pylist(rows))
    monkeypatch.setattr("sys.argv", ["publish", "--for-production"])
    with pytest.raises(LeadQualificationError, match="are drafts"):
        publish.main()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("legitimate_interest", "because we can"), "legal_basis"),
        (("purpose: lead_qualification,", "purpose: profit,"), "no such purpose 'profit'"),
        (("retention_days: 1095", "retention_days: 0"), "retention_days"),
        (("recipients:", "receivers:"), "receivers"),
    ],
)
def test_a_registry_that_says_nothing_lawful_is_refused(path: Path, change: tuple[str, str], words: str) -> None:
    path.write_text(path.read_text().replace(*change, 1))
    with pytest.raises(ParameterError, match=words):
        read_registry(path)


def test_the_registries_of_the_repository_can_be_read_and_have_all_groups(root: Path) -> None:
    files = sorted((root / "purposes").glob("*.yaml"))
    assert {file.stem for file in files} >= {"simulated", "olist", "online_retail", "saas_logins", "xeducation"}
    for file in files:
        registry = read_registry(file)
        assert registry is not None
        assert set(registry.feature_groups) == set(GROUPS), file
        assert all(getattr(registry, section) is not None for section in SECTIONS)
