"""Catalogues: complete, up to date with code and templates, and read as they are."""

import re
import shutil
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from models.presentation import __main__ as catalogue_command
from models.presentation.catalogues import (
    LANGUAGES,
    LOCALE,
    Words,
    by_language,
    choose_language,
    n_,
    worded,
    worded_count,
    words,
)
from models.presentation.numbers import percent

TRANSLATED = [language for language in LANGUAGES if language != "en"]


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)", text))


def strings(value: object) -> list[str]:
    return list(value) if isinstance(value, tuple | list) else [str(value)]


@pytest.fixture(scope="module")
def template():
    return catalogue_command.extracted()


def test_german_is_there_and_english_comes_first() -> None:
    assert next(iter(LANGUAGES)) == "en"
    assert LANGUAGES["de"] == "Deutsch"


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_of_code_and_templates_is_translated(language: str, template) -> None:
    """Mend with `make words`, then translate what it names."""
    with (LOCALE / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    expected = {(entry.context, entry.id) for entry in template if entry.id}
    translated = {(entry.context, entry.id) for entry in catalogue if entry.id and all(strings(entry.string))}
    assert expected - translated == set()
    assert {(entry.context, entry.id) for entry in catalogue if entry.id} - expected == set(), "gone from the code"
    assert [entry.id for entry in catalogue if entry.id and entry.fuzzy] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_have_the_placeholders_of_their_texts(language: str) -> None:
    with (LOCALE / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    for entry in catalogue:
        if not entry.id:
            continue
        allowed = set().union(*(placeholders(text) for text in strings(entry.id)))
        for text in strings(entry.string):
            assert placeholders(text) == allowed or (len(strings(entry.id)) > 1 and placeholders(text) <= allowed), (
                entry.id
            )


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_tracked_catalogue_is_what_the_command_writes(language: str, template, tmp_path: Path) -> None:
    tracked = LOCALE / language / "LC_MESSAGES" / "messages.po"
    again = tmp_path / "messages.po"
    shutil.copy(tracked, again)
    catalogue_command.write(language, catalogue_command.updated(language, template, again), again)
    assert again.read_bytes() == tracked.read_bytes()


def test_words_come_in_the_language_or_in_english() -> None:
    assert words("de").gettext("Language") == "Sprache"
    assert words("en").gettext("Language") == "Language"
    assert words("de").gettext("this stands in no catalogue") == "this stands in no catalogue"
    with pytest.raises(ValueError, match="got 'xx'; allowed are 'de', 'en'|got 'xx'; allowed are 'en', 'de'"):
        Words("xx")


def test_a_text_kept_for_later_takes_values_of_the_language() -> None:
    inner = worded("no such text, {share}", share=lambda language: percent(0.5, language, 0))
    assert words("de").say(worded("no such text: {inner}", inner=inner)) == "no such text: no such text, 50\xa0%"
    assert words("en").say(worded_count("{n} no such row", "{n} no such rows", 2, n=2)) == "2 no such rows"
    assert by_language(n_("Language")) == {"en": "Language", "de": "Sprache"}


def test_braces_stay_where_nothing_is_filled_in() -> None:
    assert words("en").gettext("{not} filled") == "{not} filled"


@pytest.mark.parametrize(
    ("asked", "kept", "accepted", "expected"),
    [
        ("de", "en", "en", "de"),
        (None, "de", "en", "de"),
        (None, None, "fr, de;q=0.4, en;q=0.6", "en"),
        (None, None, "de;q=0, en;q=0.1", "en"),
        ("xx", None, "de-CH", "de"),
        (None, None, ";q=;;,,q=nonsense", "en"),
        ("de'><script>", None, None, "en"),
    ],
)
def test_the_language_of_a_reader(asked, kept, accepted, expected) -> None:
    assert choose_language(asked, kept, accepted) == expected


def test_a_new_language_begins_empty_and_names_what_is_missing(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(catalogue_command, "LOCALE", tmp_path / "locale")
    monkeypatch.setattr(catalogue_command, "ROOT", tmp_path)
    (tmp_path / "locale").mkdir()
    catalogue_command.main(["--add", "fr"])
    text = capsys.readouterr().out
    assert "without a translation\n" in text
    assert "\n  Language\n" in text
    with pytest.raises(SystemExit):
        catalogue_command.main(["--add", "klingon"])
