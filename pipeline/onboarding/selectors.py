"""Selectors for a preset: the kinds, and the groups of pages, that enough leads showed, with words in both languages."""

import re
from dataclasses import dataclass

from pipeline.onboarding.activities import SALES_KINDS, SYSTEM_KINDS
from pipeline.onboarding.cells import filled_sql
from pipeline.onboarding.names import kind_labels, plain_word, word_of
from pipeline.onboarding.plan import Activity, Plan
from pipeline.onboarding.source_parts import given_kind_sql
from pipeline.tables.contract_sql import quoted
from pipeline.tables.duckdb import Connection

__all__ = ["Selector", "find_selectors"]

MIN_LEADS = 5  # a value that fewer leads showed may say who they are
MOST_SELECTORS = 24
MOST_PAGES = 12
LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pl", "pt", "us", "gb", "uk", "at", "ch")


@dataclass(frozen=True)
class Selector:
    """One selector of a preset. `depth` is `awareness`, `consideration`, `decision` or None."""

    name: str
    kind: str
    assets: tuple[str, ...]
    by: str | None
    leads: int
    labels: dict[str, str]
    did: dict[str, str]
    depth: str | None


def find_selectors(connection: Connection, plan: Plan) -> list[Selector]:
    """List selectors, those of most leads first; kinds before groups of pages."""
    found: dict[str, Selector] = {}
    for activity in plan.activities:
        for selector in [*_kinds(connection, activity), *_pages(connection, activity)]:
            if selector.name and selector.name not in found and selector.name != "all":
                found[selector.name] = selector
    ranked = sorted(found.values(), key=lambda s: (bool(s.assets), -s.leads, s.name))
    return ranked[:MOST_SELECTORS]


def _leads(activity: Activity) -> str:
    column = activity.reference.column if activity.reference else activity.visitor
    return f"count(DISTINCT {quoted(column)})" if column else "0"


def _by(kind: str) -> str | None:
    return "sales" if kind in SALES_KINDS else "system" if kind in SYSTEM_KINDS else None


def _kinds(connection: Connection, activity: Activity) -> list[Selector]:
    if activity.kind is None:
        rows = connection.execute(f"SELECT NULL, {_leads(activity)} FROM {activity.table.loaded}").fetchall()
    else:
        rows = connection.execute(
            f"SELECT tidied({given_kind_sql(activity)}) AS kind, {_leads(activity)} AS n FROM {activity.table.loaded} "
            "WHERE kind IS NOT NULL GROUP BY 1 ORDER BY n DESC, 1"
        ).fetchall()
    found = []
    for value, leads in rows:
        kind = activity.constant_kind if value is None else activity.kinds.get(value, value)
        by = _by(kind)
        if leads < MIN_LEADS or by == "system":
            continue
        words = kind_labels(kind)
        labels = {"en": words["en"][0], "de": words["de"][0]} if words else {"en": f"“{kind}”", "de": f"„{kind}“"}
        did = {"en": words["en"][1], "de": words["de"][1]} if words else {}
        depth = word_of(kind, "depth")
        found.append(Selector(plain_word(kind), kind, (), by, leads, labels, did, depth))
    return found


def _topic(page: str) -> str:
    """Name what a page is about: the first part of its path that is no language.

    Examples
    --------
    >>> _topic("https://example.org/de/produkte/steuerung?x=1"), _topic("/en/pricing"), _topic("pricing/team"), _topic("/")
    ('produkte', 'pricing', 'pricing', '')
    """
    path = re.sub(r"^https?://[^/]+|[?#].*$", "", page)
    parts = [part for part in path.split("/") if part and part.lower() not in LANGUAGES]
    return re.sub(r"\.(html?|php|aspx?|pdf)$", "", parts[0]) if parts else ""


def _pages(connection: Connection, activity: Activity) -> list[Selector]:
    if activity.asset is None:
        return []
    kind = f"tidied({given_kind_sql(activity)})" if activity.kind else "NULL"
    rows = connection.execute(
        f"SELECT {kind}, tidied({quoted(activity.asset)}), {_leads(activity)} AS n FROM {activity.table.loaded} "
        f"WHERE {filled_sql(activity.asset)} GROUP BY 1, 2 ORDER BY n DESC, 1, 2 LIMIT 2000"
    ).fetchall()
    groups: dict[tuple[str, str], int] = {}
    depths: dict[tuple[str, str], str] = {}
    for value, page, leads in rows:
        called = activity.constant_kind if value is None else activity.kinds.get(value, value)
        topic = _topic(page)
        if topic and not re.search(r"[*?\[\]@]|\d{4,}", topic) and leads >= MIN_LEADS:
            groups[called, topic] = max(groups.get((called, topic), 0), leads)
            if (depth := word_of(topic, "depth") or word_of(page, "depth")) is not None:
                depths.setdefault((called, topic), depth)
    ranked = sorted(groups.items(), key=lambda item: (-item[1], item[0]))[:MOST_PAGES]
    return [_page(*key, leads, depths.get(key)) for key, leads in ranked if _by(key[0]) is None]


def _page(kind: str, topic: str, leads: int, depth: str | None) -> Selector:
    words = kind_labels(kind)
    labels = {
        language: f"{words[language][0] if words else kind}: {topic.replace('_', ' ').replace('-', ' ')}"
        for language in ("en", "de")
    }
    patterns = (f"{topic}*", f"*/{topic}*")
    return Selector(plain_word(topic), kind, patterns, None, leads, labels, {}, depth)
