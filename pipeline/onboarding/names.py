"""Names of columns and words of values: `names_<language>.toml`, English, German and what other languages need most."""

import functools
import re
import tomllib
import unicodedata
from pathlib import Path
from typing import Any

__all__ = [
    "concepts",
    "in_section",
    "kind_labels",
    "kind_of_file",
    "normal",
    "plain_word",
    "says_only",
    "stage_of",
    "word_of",
    "words",
]

FILES = sorted(Path(__file__).parent.glob("names_*.toml"))
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
# The kind of record may stand before each name: "Deal - Won time" of Pipedrive, "properties.createdate", "lead.company".
ENTITY_PREFIX = re.compile(
    r"^(?:(?:deal|person|lead|activity|organi[sz]ation|kontakt|organisation|aktivitaet) - |"
    r"(?:lead|contact|person|kontakt|properties)\.|properties )?(?:hs_(?!object))?"
)
CLAUSES = re.compile(r"[,;:!?/|]|\.(?=\s|$)|\s[-–—]\s")
CUSTOM_SUFFIX = re.compile(r"__[cr]$")  # Salesforce's, of fields that a company added


def _plain(name: str) -> str:
    bare = re.sub(r"\([^)]*\)", " ", name)
    text = unicodedata.normalize("NFC", bare if bare.strip() else name)
    text = re.sub(r"(?<=[a-zäöüß])(?=[A-ZÄÖÜ][a-zäöüß])", " ", text).lower().translate(UMLAUTS)
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return CUSTOM_SUFFIX.sub("", ENTITY_PREFIX.sub("", text.strip()))


def _words_in(text: str) -> list[str]:
    return re.sub(r"[^\w]|_", " ", text).split()


def normal(name: str) -> str:
    """Write a name so that spellings of it are equal: lower case, words apart, no accents, no punctuation, no brackets.

    Examples
    --------
    >>> normal("Budget (€)"), normal("firstName"), normal("Größe_in_m2"), normal("(Do Not Modify) Modified On")
    ('budget', 'first name', 'groesse in m2', 'modified on')
    """
    return " ".join(_words_in(_plain(name)))


def plain_word(text: str) -> str:
    """Write a word as an identifier of ASCII letters, e.g. for the name of an attribute or selector.

    Examples
    --------
    >>> plain_word("Anzahl Mitarbeiter"), plain_word("Größe"), plain_word("2nd"), plain_word("売上")
    ('anzahl_mitarbeiter', 'groesse', 'c_2nd', '')
    """
    text = re.sub(r"[^a-z0-9]+", "_", normal(text)).strip("_")
    return f"c_{text}" if text[:1].isdigit() else text


@functools.cache
def _tables() -> list[dict[str, Any]]:
    return [tomllib.loads(path.read_text(encoding="utf-8")) for path in FILES]


@functools.cache
def _patterns(section: str) -> list[tuple[str, re.Pattern[str]]]:
    return [
        (concept, re.compile("|".join(f"(?:{pattern})" for pattern in patterns)))
        for table in _tables()
        for concept, patterns in table.get(section, {}).items()
    ]


@functools.cache
def concepts(name: str, section: str = "columns") -> frozenset[str]:
    """Say what a column may hold by its name: the concepts of a section whose patterns fit the whole name.

    Examples
    --------
    >>> sorted(concepts("Erstellt am")), sorted(concepts("Became a Lead Date")), sorted(concepts("Vorname", "personal"))
    (['created_at'], [], ['name'])
    """
    text = normal(name)
    return frozenset(concept for concept, pattern in _patterns(section) if pattern.fullmatch(text))


def in_section(name: str, section: str) -> bool:
    """Whether any concept of a section fits a name."""
    return bool(concepts(name, section))


@functools.cache
def words(name: str) -> frozenset[str]:
    """Give the words of `[words]` under a name, in all languages."""
    return frozenset(word for table in _tables() for word in table.get("words", {}).get(name, ()))


@functools.cache
def _phrases(section: str) -> list[tuple[str, str]]:
    found = [
        (phrase, key) for table in _tables() for key, phrases in table.get(section, {}).items() for phrase in phrases
    ]
    # "Lead" and "new" say least: a lead that is "SQL" or "lost" is that.
    return sorted(found, key=lambda item: (item[1] == "inquiry" and " " not in item[0], -len(item[0]), item[0]))


@functools.cache
def word_of(text: str, section: str) -> str | None:
    """Find the longest phrase of a section in a text, and give its key; None: none is in it.

    Examples
    --------
    >>> word_of("Wurde SQL am", "stages"), word_of("/de/preise", "depth"), word_of("x", "kinds")
    ('sales_qualified', 'decision', None)
    >>> word_of("noch nicht angenommen", "stages"), word_of("Not yet converted", "stages")
    (None, None)
    >>> [word_of(text, "stages") for text in ("Yet to be contacted", "Hasn't been contacted", "wurde nicht mehr kontaktiert")]
    [None, None, None]
    >>> word_of("Yet to be contacted, then contacted", "stages"), word_of("No reply - contacted", "stages")
    ('sal', 'sal')
    >>> word_of("No-reply email sent", "kinds")
    'mail_sent'
    """
    clauses = _clauses(text)
    padded = f" {' '.join(word for clause in clauses for word in clause)} "
    return next(
        (key for phrase, key in _phrases(section) if f" {phrase} " in padded and _says(clauses, phrase.split())), None
    )


def _clauses(text: str) -> list[list[str]]:
    """Give a text's words between its punctuation; "no-reply" denies nothing that follows it."""
    plain = re.sub(r"n['’]t\b", " not", _plain(text))
    plain = re.sub(rf"\b((?:{'|'.join(sorted(words('denied')))})-\w+)", r"\1,", plain)
    return [_words_in(part) for part in CLAUSES.split(plain)]


def _says(clauses: list[list[str]], phrase: list[str]) -> bool:
    """Whether a phrase stands anywhere with no word before it in its clause that denies it: "wurde nicht kontaktiert"."""
    said = [(word, clause[:at]) for clause in clauses for at, word in enumerate(clause)]
    all_words = [word for word, _ in said]
    return any(
        all_words[at : at + len(phrase)] == phrase and words("denied").isdisjoint(said[at][1])
        for at in range(len(said) - len(phrase) + 1)
    )


def says_only(text: str, key: str, section: str, fillers: str) -> bool:
    """Whether a name holds no more than the phrases of a key, and words that go with them.

    Examples
    --------
    >>> says_only("Became a Lead Date", "inquiry", "stages", "became")
    True
    >>> says_only("Lead retenu le", "inquiry", "stages", "became")
    False
    """
    rest = f" {normal(text)} "
    for phrase, other in _phrases(section):
        if other == key:
            rest = rest.replace(f" {phrase} ", " ")
    return set(rest.split()) <= words(fillers)


@functools.cache
def kind_of_file(name: str) -> str | None:
    """Say what the rows of a file or a list are by its name, where that is a word for a kind and no more than that.

    Examples
    --------
    >>> [kind_of_file(name) for name in ("export/calls.0.csv", "Anrufe.csv", "leads.json, meetings", "call_leads.csv")]
    ['call', 'call', 'meeting', None]
    """
    stem = normal(re.sub(r"\..*| and \d+ more .*", "", name.split(", ")[-1].split("/")[-1]))
    stem = re.sub(r"[\d ]+$|^[\d ]+", "", stem)
    spellings = {stem.removesuffix(ending) for ending in ("", "s", "e", "n", "en", "i")}
    return next((key for phrase, key in _phrases("kinds") if phrase in spellings), None)


def stage_of(value: str) -> str | None:
    """Say which stage a word of a status means, or None.

    Examples
    --------
    >>> stage_of("Closed - Not Converted"), stage_of("Lead (MQL)"), stage_of("Not contacted"), stage_of("purple")
    ('disqualified', 'mql', 'inquiry', None)
    """
    return word_of(re.sub(r"[()]", ", ", value), "stages")  # what stands in brackets counts in a value


@functools.cache
def kind_labels(kind: str) -> dict[str, tuple[str, str]]:
    """Give what touchpoints of a kind are called and what the lead did, by language; empty for a kind without words."""
    return {
        path.stem.removeprefix("names_"): (found[0], found[1])
        for path, table in zip(FILES, _tables(), strict=True)
        if (found := table.get("kind_labels", {}).get(kind)) is not None
    }
