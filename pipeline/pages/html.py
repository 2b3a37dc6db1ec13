"""Parts of a self-contained HTML page in two languages: no script, no address of another host."""

import base64
import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape

__all__ = [
    "LANGUAGES",
    "STYLE",
    "box",
    "date",
    "facts",
    "figure",
    "interval",
    "number",
    "page",
    "percent",
    "section",
    "table",
    "tiles",
]

LANGUAGES = {"en": "English", "de": "Deutsch"}

STYLE = """
:root { --ink: #1d2a35; --soft: #5b6b79; --line: #dfe5ea; --pale: #f4f7f9; --blue: #0b5fa5; --warn: #8a5300; }
* { box-sizing: border-box; }
body { margin: 0; background: #eef2f5; color: var(--ink);
  font: 15px/1.55 "Inter", "Segoe UI", "Helvetica Neue", Arial, "Liberation Sans", sans-serif; }
.sheet { max-width: 1080px; margin: 0 auto; padding: 0 44px 56px; background: #fff; min-height: 100vh; }
input[name=language] { position: absolute; opacity: 0; }
.languages { display: flex; justify-content: flex-end; gap: 6px; padding: 18px 0 0; }
.languages label { padding: 3px 14px; border: 1px solid var(--line); border-radius: 14px; cursor: pointer;
  color: var(--soft); font-size: 13px; }
#language-en:checked ~ .sheet label[for=language-en], #language-de:checked ~ .sheet label[for=language-de]
  { background: var(--blue); border-color: var(--blue); color: #fff; }
#language-en:focus-visible ~ .sheet label[for=language-en], #language-de:focus-visible ~ .sheet label[for=language-de]
  { outline: 2px solid var(--ink); outline-offset: 2px; }
#language-en:checked ~ .sheet [lang=de].text, #language-de:checked ~ .sheet [lang=en].text { display: none; }
h1 { margin: 4px 0 4px; font-size: 29px; line-height: 1.2; letter-spacing: -0.01em; }
.lead { margin: 0 0 22px; color: var(--soft); font-size: 16px; max-width: 56em; }
h2 { margin: 38px 0 10px; padding-top: 16px; border-top: 1px solid var(--line); font-size: 19px; }
h3 { margin: 22px 0 4px; font-size: 15px; }
p { margin: 0 0 10px; max-width: 62em; }
ul { margin: 0 0 10px; padding-left: 20px; max-width: 62em; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 14px; margin: 0 0 20px; }
.tile { padding: 14px 16px 12px; background: var(--pale); border-radius: 8px; border-left: 4px solid var(--blue); }
.tile .name { color: var(--soft); font-size: 13px; }
.tile .value { font-size: 30px; font-weight: 650; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile .note { color: var(--soft); font-size: 12.5px; font-variant-numeric: tabular-nums; }
.box { margin: 0 0 12px; padding: 11px 16px; background: #fff6e6; border-left: 4px solid #e0a030; border-radius: 6px;
  max-width: none; color: #4d3500; }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; margin: 4px 0 14px; font-size: 14px; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--soft); font-weight: 600; font-size: 12.5px; vertical-align: bottom; }
th, td { padding: 7px 10px; border-bottom: 1px solid var(--line); }
td.right, th.right { text-align: right; }
td.right { white-space: nowrap; }
tr.strong td { font-weight: 650; background: #eef5fb; }
td small, .tile small { color: var(--soft); font-weight: 400; font-size: 12px; }
td.bar { width: 30%; }
td.bar span { display: block; height: 11px; background: var(--blue); border-radius: 2px; min-width: 2px; }
.facts th { width: 250px; font-size: 14px; font-weight: 500; vertical-align: top; }
.facts td { vertical-align: top; }
code { font: 12.5px/1.4 "JetBrains Mono", "DejaVu Sans Mono", Consolas, monospace; overflow-wrap: anywhere; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(400px, 1fr)); gap: 22px 26px; }
figure { margin: 0; }
figure.full { grid-column: 1 / -1; max-width: 820px; }
figure img { width: 100%; height: auto; display: block; }
figcaption { color: var(--soft); font-size: 13.5px; padding: 2px 8px 0; }
footer { margin-top: 40px; padding-top: 12px; border-top: 1px solid var(--line); color: var(--soft); font-size: 12.5px; }
@media (max-width: 640px) { .sheet { padding: 0 16px 40px; }
  .figures { grid-template-columns: 1fr; } .facts th { width: 38%; } }
@media print { body { background: #fff; } .languages { display: none; } .sheet { padding: 0; max-width: none; }
  h2 { break-after: avoid; } figure, .tile, tr { break-inside: avoid; } }
"""


def number(value: float | None, digits: int, language: str) -> str:
    """Write a number as the language does; a missing one is a dash.

    Examples
    --------
    >>> number(12345.678, 1, "en"), number(12345.678, 1, "de"), number(None, 1, "en")
    ('12,345.7', '12.345,7', '–')
    """
    if value is None or value != value:
        return "–"
    text = f"{value:z,.{digits}f}"  # z: no minus before a zero
    return text if language == "en" else text.translate(str.maketrans(",.", ".,"))


def percent(value: float | None, language: str, digits: int = 1) -> str:
    """Write a share as a percentage.

    Examples
    --------
    >>> percent(0.1234, "en"), percent(0.1234, "de")
    ('12.3 %', '12,3 %')
    """
    return "–" if value is None else f"{number(100.0 * value, digits, language)} %"


def date(value: str | None, language: str) -> str:
    """Write the day of an ISO moment.

    Examples
    --------
    >>> date("2025-03-09T10:00:00+00:00", "en"), date("2025-03-09T10:00:00+00:00", "de")
    ('2025-03-09', '09.03.2025')
    """
    if not value:
        return "–"
    day = dt.datetime.fromisoformat(value)
    return f"{day:%Y-%m-%d}" if language == "en" else f"{day:%d.%m.%Y}"


def interval(metric: Mapping[str, float | None] | None, digits: int, language: str) -> str:
    """Write the two ends of a metric's interval; empty without one."""
    if metric is None or metric["low"] is None:
        return ""
    return f"{number(metric['low'], digits, language)}–{number(metric['high'], digits, language)}"


def section(title: str, *content: str) -> str:
    """Make a titled section of parts that are HTML already."""
    return f"<section><h2>{escape(title)}</h2>{''.join(content)}</section>\n"


def box(content: str) -> str:
    """Make a warning box; `content` is text."""
    return f'<p class="box">{escape(content)}</p>'


def tiles(items: Iterable[tuple[str, str, Sequence[str]]]) -> str:
    """Make tiles of name, value, and lines of a note (text)."""
    return (
        '<div class="tiles">'
        + "".join(
            f'<div class="tile"><div class="name">{escape(name)}</div><div class="value">{escape(value)}</div>'
            f'<div class="note">{"<br>".join(escape(line) for line in note)}</div></div>'
            for name, value, note in items
        )
        + "</div>"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1, strong: int | None = None) -> str:
    """Make a table.

    Parameters
    ----------
    head : sequence of str
        Text.
    rows : iterable of sequences of str
        HTML.
    left : int
        So many columns are text; the others are figures, aligned to the right.
    strong : int, optional
        A row to stress.
    """

    def align(column: int) -> str:
        return "" if column < left else ' class="right"'

    top = "".join(f"<th{align(i)}>{escape(text)}</th>" for i, text in enumerate(head))
    body = "".join(
        f"<tr{' class=strong' if r == strong else ''}>"
        + "".join(f"<td{align(i)}>{cell}</td>" for i, cell in enumerate(row))
        + "</tr>"
        for r, row in enumerate(rows)
    )
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def facts(items: Iterable[tuple[str, str]]) -> str:
    """Make a two-column table of names (text) and facts (HTML)."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{fact}</td></tr>" for name, fact in items)
    return f'<table class="facts"><tbody>{rows}</tbody></table>'


def figure(png: bytes, alt: str, caption: str = "", *, full: bool = False) -> str:
    """Embed a PNG with its caption (text)."""
    data = base64.b64encode(png).decode("ascii")
    under = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    shape = ' class="full"' if full else ""
    return f'<figure{shape}><img src="data:image/png;base64,{data}" alt="{escape(alt)}">{under}</figure>'


def page(title: Mapping[str, str], lead: Mapping[str, str], body: Callable[[str], str], language: str = "en") -> str:
    """Make a page whose reader picks the language.

    Parameters
    ----------
    title, lead : mapping of language to str
        Heading and the sentence below it; text.
    body : callable
        Takes a language, returns HTML.
    language : {"en", "de"}
        Shown first.
    """
    chosen = language
    radios = "".join(
        f'<input type="radio" name="language" id="language-{code}"{" checked" if code == chosen else ""}>'
        for code in LANGUAGES
    )
    labels = "".join(f'<label for="language-{code}">{name}</label>' for code, name in LANGUAGES.items())
    texts = "".join(
        f'<div class="text" lang="{code}"><h1>{escape(title[code])}</h1><p class="lead">{escape(lead[code])}</p>\n'
        f"{body(code)}</div>\n"
        for code in LANGUAGES
    )
    return (
        f'<!doctype html>\n<html lang="{chosen}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title[chosen])}</title><style>{STYLE}</style></head>\n<body>{radios}\n"
        f'<div class="sheet"><div class="languages">{labels}</div>\n{texts}</div></body></html>\n'
    )
