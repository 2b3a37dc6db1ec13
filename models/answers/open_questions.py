"""What a lead is likely to ask, from the pages that it read; whether a title is a decision-maker's. Never features."""

import re
from collections.abc import Iterable, Sequence

from features.journeys import TouchpointRecord
from models.presentation.catalogues import n_

__all__ = ["OPEN_QUESTIONS", "is_decision_maker", "open_questions", "questions_of"]

OPEN_QUESTIONS = {
    "cost": n_("What does it cost, and what is in the price?"),
    "compatibility": n_("Does it work with the systems that are there?"),
    "functions": n_("What can it do, and how?"),
    "fit": n_("Does it solve our problem, and for whom did it?"),
}
"""The lead's likely open questions, as sales would hear them."""

# Words of addresses and file names, in English and German; the first that fits a touchpoint names its question
_PAGES = {
    "cost": r"pric|cost|plans|quote|budget|roi|preis|kosten|angebot|tarif",
    "compatibility": r"compatib|interface|integrat|api|connector|migration|security|kompatib|schnittstell|anbindung",
    "functions": r"feature|function|product|documentation|docs|manual|demo|tutorial|funktion|produkt|dokumentation|handbuch",
    "fit": r"case|reference|customer|success|solution|white_?paper|use_?case|referenz|kunden|lösung|fallstudie|anwender",
}
_WORDS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _PAGES.items()}
_DECIDES = re.compile(
    r"\b(ceo|cfo|cio|cto|coo|c[-_ ]?level|chief|owner|founder|partner|president|vp|director|head|executive|manag(ement|ing))\b|"
    r"geschäftsführ|vorstand|inhaber|leiter|leitung|prokur|bereichsleit|direktor",
    re.IGNORECASE,
)


def open_questions(touchpoints: Sequence[TouchpointRecord]) -> list[str]:
    """Name what a lead has read about, most often read first; keys of `OPEN_QUESTIONS`.

    Parameters
    ----------
    touchpoints : sequence of TouchpointRecord
        Its own; what sales did does not count.

    Examples
    --------
    >>> pages = ["pricing/plans", "documentation/api", "pricing/eu", "home"]
    >>> open_questions([TouchpointRecord("page_view", at, asset=page) for at, page in enumerate(pages)])
    ['cost', 'compatibility']
    """
    return questions_of([item.asset or item.campaign or "" for item in touchpoints if item.by != "sales"])


def questions_of(read: Iterable[str]) -> list[str]:
    """Name the questions behind what was read: assets or campaigns, one per touchpoint."""
    counts = dict.fromkeys(_WORDS, 0)
    for text in read:
        name = next((name for name, words in _WORDS.items() if words.search(text)), None)
        if name is not None:
            counts[name] += 1
    return [name for name in sorted(counts, key=lambda name: -counts[name]) if counts[name]]


def is_decision_maker(title: str) -> bool:
    """Tell whether a role or title sounds like somebody who decides.

    Examples
    --------
    >>> [is_decision_maker(title) for title in ("head of it", "Einkaufsleitung", "c_level", "engineering", "working student")]
    [True, True, True, False, False]
    """
    return _DECIDES.search(title.replace("_", " ")) is not None
