"""Notice, record and impact assessment say what the registry says, in both languages, and mark what nobody has filled in."""

from pathlib import Path

import pytest

from pipeline.data_protection.registry import read_registry, registry_file
from pipeline.data_protection.registry_documents import DOCUMENTS, documents
from pipeline.data_protection.registry_drafts import add_drafts
from pipeline.tables.personal_fields import PersonalFields

FIELDS = PersonalFields(("account.industry", "lead.job_<b>title"), ("mail_open", "webinar"), ("stage_changes",))


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    add_drafts(registry_file("acme"), FIELDS)
    return registry_file("acme")


def written(path: Path) -> dict[str, str]:
    registry = read_registry(path)
    assert registry is not None
    return documents(registry, 60)


def test_every_document_names_every_field_with_basis_and_days(path: Path) -> None:
    made = written(path)
    assert set(made) == set(DOCUMENTS) == {"notice", "record", "dpia"}
    for text in made.values():
        for words in ("opened mails", "geöffnete Mails", "industry", "1,095 days", "1.095 Tage", "consent (Art. 6(1)(a))",
                      "Einwilligung (Art. 6 Abs. 1 lit. a)", "job &lt;b&gt;title"):  # fmt: skip
            assert words in text
        assert "<b>title" not in text


def test_what_is_missing_is_marked_and_what_is_there_is_not(path: Path) -> None:
    notice = written(path)["notice"]
    assert "[to be filled in: name of the company]" in notice
    assert "[auszufüllen: Name des Unternehmens]" in notice
    assert "14 entries of the purpose registry are not confirmed" in notice
    text = path.read_text().replace("state: draft", "state: confirmed")
    text = text.replace(
        "name: null, address: null, contact: null", "name: Acme AG, address: Berlin, contact: a@acme.example"
    )
    path.write_text(text.replace("data_protection_officer: null", "data_protection_officer: Dr. Roe"))
    notice = written(path)["notice"]
    assert "Acme AG, Berlin" in notice
    assert "not confirmed" not in notice
    assert "[to be filled in" not in notice
    assert "within 60 days" in notice
    assert "binnen 60 Tagen" in notice


def test_an_entry_that_changes_changes_every_document(path: Path) -> None:
    before = written(path)
    path.write_text(path.read_text().replace("retention_days: 1095", "retention_days: 30", 1))
    after = written(path)
    for name, text in after.items():
        assert "30 days" in text
        assert "30 days" not in before[name]
