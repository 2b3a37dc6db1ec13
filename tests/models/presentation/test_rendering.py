"""Templates: escaped, in every language, and without anything from elsewhere."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from models.presentation.catalogues import n_
from models.presentation.rendering import file_page, render, static_text

EVIL = "<script>alert('x')</script>"


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    (tmp_path / "body.html").write_text(
        '{% import "parts.html" as parts %}<p>{{ text }} {{ _("Language") }} {{ share|percent }} {{ 1234.5|number(1) }}</p>'
        "{{ parts.table(['a', text], [['x', [text, 'small']]], strong=0) }}{{ parts.bar(0.25) }}",
        encoding="utf-8",
    )
    (tmp_path / "served.html").write_text(
        '{% extends "page.html" %}{% block title %}{{ text }}{% endblock %}{% block content %}{{ text }}{% endblock %}',
        encoding="utf-8",
    )
    return tmp_path


def test_values_are_escaped_words_and_figures_are_the_languages(templates: Path) -> None:
    shown = render(templates, "body.html", "de", text=EVIL, share=0.5)
    assert "<script>" not in shown
    assert "Sprache 50,0\xa0% 1.234,5" in shown
    assert '<tr class="strong"><td>x</td><td class="right">&lt;script&gt;' in shown
    assert '<rect width="25.0"' in shown


def test_a_name_that_a_template_does_not_get_is_an_error(templates: Path) -> None:
    with pytest.raises(UndefinedError, match="'share' is undefined"):
        render(templates, "body.html", "en", text="x")


def test_a_served_page_has_nothing_inline(templates: Path) -> None:
    links = {"en": "?lang=en", "de": "?lang=de"}
    page = render(templates, "served.html", "de", text=EVIL, static="/app/static", language_links=links)
    assert "<script" not in page
    assert "style=" not in page
    assert "<style" not in page
    assert '<html lang="de">' in page
    assert '<link rel="stylesheet" href="/app/static/page.css">' in page
    assert '<a href="?lang=de" hreflang="de" lang="de" aria-current="true">Deutsch</a>' in page


def test_a_page_in_a_file_holds_every_language_and_loads_nothing() -> None:
    page = file_page(
        lambda language: f"{EVIL} {language}",
        lambda language: "lead",
        lambda language: Markup("<p>body {}</p>").format(language),
        links={n_("Language"): "other.html"},
        data={"text": "</script>"},
    )
    assert page.startswith("<!doctype html>")
    assert "alert('x')</script>" not in page
    assert '{"text":"<\\/script>"}' in page
    assert "<p>body en</p>" in page
    assert "<p>body de</p>" in page
    assert '<a href="other.html" data-page>Sprache</a>' in page
    assert static_text("page.css") in page
    for address in ("http://", "https://", "src=", "@import", "url("):
        assert address not in page
