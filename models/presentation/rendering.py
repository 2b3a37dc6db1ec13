"""Templates to HTML: one Jinja2 environment for reports and served pages, which escapes all but the templates' own markup."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from models.presentation import numbers
from models.presentation.catalogues import LANGUAGES, SOURCE, words
from models.presentation.journey_words import channel_name, kind_name

__all__ = ["STATIC", "file_page", "render", "static_text"]

STATIC = Path(__file__).parent / "static"
TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment(folder: Path, language: str) -> Environment:
    """Give the environment of a folder of templates, which may use those of this package, in one language.

    In templates: ``_``, ``ngettext``, ``pgettext`` and ``say`` give words; the filters ``number(digits)``, ``percent(digits)``,
    ``points``, ``interval(digits)`` (of a mapping), ``ends(digits)`` (of a record), ``date``, ``month`` and ``moment`` write
    figures; ``language`` is the language's code, ``languages`` names all. ``in_language`` picks from a mapping of language to
    text, ``code`` sets what stands in backticks, ``channel`` and ``kind`` name those. A name that a template does not get is an
    error.
    """
    spoken = words(language)
    made = Environment(
        loader=FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "_": spoken.gettext,
        "ngettext": spoken.ngettext,
        "pgettext": spoken.pgettext,
        "say": spoken.say,
        "language": language,
        "languages": LANGUAGES,
    }
    made.filters |= {
        "number": lambda value, digits=0: numbers.number(value, digits, language),
        "percent": lambda value, digits=1: numbers.percent(value, language, digits),
        "points": lambda value, digits=1: numbers.points(value, language, digits),
        "interval": lambda metric, digits: numbers.interval(metric, digits, language),
        "ends": lambda figure, digits: numbers.bounds(figure.low, figure.high, digits, language),
        "date": lambda value: numbers.date(value, language),
        "month": lambda value: numbers.month(value, language),
        "moment": lambda value, **zone: numbers.moment(value, language, **zone),
        "in_language": lambda texts: texts.get(language, texts[SOURCE]),
        "code": _code,
        "channel": lambda name: channel_name(name, language),
        "kind": lambda name: kind_name(name, language),
        "upper_first": lambda text: text[:1].upper() + text[1:],
    }
    return made


def render(folder: Path, name: str, language: str, **values: Any) -> Markup:
    """Fill a template.

    Parameters
    ----------
    folder : Path
        Of the templates of the caller; those of this package are found too.
    name : str
        Of the file.
    language : str
        A key of `LANGUAGES`.
    values : object
        For the template, plain values; what is no `Markup` is escaped.

    Raises
    ------
    jinja2.UndefinedError
        If the template uses a name that it does not get.
    """
    return Markup(environment(folder, language).get_template(name).render(values))  # escaped by the environment


def file_page(
    title: Callable[[str], str],
    lead: Callable[[str], str],
    body: Callable[[str], Markup],
    *,
    links: Mapping[str, str] | None = None,
    script: str = "",
    data: object = None,
    first: str = SOURCE,
) -> str:
    """Make a page that is one file: every language, its css and its script inside, nothing loaded from anywhere.

    The reader's language comes from the link (``?lang=de``, ``#de``), the choice made before, the browser; without scripts the
    buttons still switch.

    Parameters
    ----------
    title, lead : callable
        Take a language, give text: the heading and the sentence below it.
    body : callable
        Takes a language, gives HTML.
    links : mapping of str to str, optional
        Text, marked with `n_`, to the address of a page beside this one; they keep the language.
    script : str
        More script of this page.
    data : object, optional
        JSON for it, in an element of the id ``data``.
    first : str
        Language shown where the reader has said nothing.
    """
    packed = (
        json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/") if data is not None else ""
    )
    page = render(
        TEMPLATES,
        "file.html",
        first,
        texts=[(code, title(code), lead(code), body(code)) for code in LANGUAGES],
        spoken={code: words(code) for code in LANGUAGES},
        links=links or {},
        css=Markup(static_text("page.css")),
        script=Markup(static_text("page.js") + script),
        data=Markup(packed),
    )
    return f"{page!s}\n"


def _code(text: str) -> Markup:
    """Escape a text, and set what stands between backticks as code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part for place, part in enumerate(parts)
    )


@cache
def static_text(name: str) -> str:
    """Read a file of css or script."""
    return (STATIC / name).read_text(encoding="utf-8")
