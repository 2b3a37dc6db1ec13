"""How a column writes moments: formats from the shapes of all its values, and day or month first from the values themselves.

A shape is a value with each digit as 9. A column has few, so every value is looked at, however long the file is.
"""

import re
from dataclasses import dataclass, replace

from pipeline.tables.duckdb import text_literal

__all__ = ["MomentFormat", "Moments", "format_of_shape", "instant_sql", "looks_dated", "moment_sql", "settle_order"]

# {d}{m} stand for the order that values decide.
AMBIGUOUS = "?"
MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|"
    "dec(?:ember)?"
)
LONG = "january|february|march|april|june|july|august|september|october|november|december"
DATES = (
    (r"9999-99?-99?", "%Y-%m-%d"),
    (r"9999/99?/99?", "%Y/%m/%d"),
    (r"9999\.99?\.99?", "%Y.%m.%d"),
    (r"99?\.\s?99?\.\s?9999", "%d.%m.%Y"),
    (r"99?\.99?\.99", "%d.%m.%y"),
    (r"99?/99?/9999", "?/?/%Y"),
    (r"99?/99?/99", "?/?/%y"),
    (r"99?-99?-9999", "?-?-%Y"),
    (r"99?-99?-99", "?-?-%y"),
    (rf"99?([ -])({MONTHS})\.?\1'?9999", "%d{0}{1}{0}%Y"),
    (rf"99?([ -])({MONTHS})\.?\1'?99", "%d{0}{1}{0}%y"),
    (rf"({MONTHS})\.?( )99?, 9999", "{0}{1}%d, %Y"),
)
TIME = re.compile(
    r"(?P<gap>, | at | um |[ tT]\s?)(?P<hours>99?(?P<colon>[:.])99)(?P<seconds>(?P=colon)99)?(?P<fraction>[.,]9{1,9})?"
    r"(?P<half>[ \u202f\u00a0]?[ap]\.?m\.?)?(?P<tail> uhr| h)?(?P<zone>\s?(?:z|utc|gmt|[+-]99(?::?99)?))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class MomentFormat:
    """One way of writing moments.

    Attributes
    ----------
    format : str
        For DuckDB's strptime, with `?` for day and month whose order is open; `%z` reads what `offset_joined` gives.
        `iso`, `epoch_s`, `epoch_ms`, `epoch_us`, `excel` are no formats of it.
    has_time, has_zone : bool
        It names a time of day, an offset.
    """

    format: str
    has_time: bool
    has_zone: bool = False

    @property
    def is_open(self) -> bool:
        """Whether day or month comes first is not known."""
        return AMBIGUOUS in self.format


@dataclass(frozen=True)
class Moments:
    """How a column writes moments.

    Attributes
    ----------
    formats : tuple of MomentFormat
        Most frequent first.
    counts : tuple of int
        Values of each.
    unread : int
        Values that no format fits, or whose order of day and month nothing decides.
    order : str or None
        What decided day and month: `day` or `month` first; None: nothing had to be decided.
    because : str
        Why.
    """

    formats: tuple[MomentFormat, ...]
    counts: tuple[int, ...]
    unread: int = 0
    order: str | None = None
    because: str = ""

    @property
    def is_open(self) -> bool:
        """The order of day and month is undecided for the most frequent format."""
        return bool(self.formats) and self.formats[0].is_open

    @property
    def is_day(self) -> bool:
        """No value has a time of day."""
        return not any(way.has_time for way in self.formats)


def format_of_shape(shape: str) -> MomentFormat | None:
    """Give the format of a shape; None: it is no moment.

    Examples
    --------
    >>> format_of_shape("99.99.9999 99:99"), format_of_shape("9/99/9999, 9:99 am").format, format_of_shape("9.999")
    (MomentFormat(format='%d.%m.%Y %H:%M', has_time=True, has_zone=False), '?/?/%Y, %I:%M %p', None)
    >>> format_of_shape("9999-99-99t99:99:99+99:99").format, format_of_shape("mar 9, 9999").format
    ('iso', '%b %d, %Y')
    """
    text = shape.lower()
    for pattern, date in DATES:
        match = re.match(pattern + r"(?=$|[^\d9])", text)
        if match is None:
            continue
        parts = [
            ("%B" if re.fullmatch(LONG, part) else "%b") if re.fullmatch(MONTHS, part) else part
            for part in match.groups()
        ]
        rest = shape[match.end() :]
        date = date.format(*parts) if parts else date
        # strptime takes what stands in a format literally
        if pattern.startswith(r"99?\.\s?") and " " in match[0]:
            date = re.sub(r"\.(?=%)", ". ", date) if match[0].count(" ") == 2 else "%d.%m. %Y"
        if not rest:
            return MomentFormat(date, False)
        time = TIME.fullmatch(rest)
        if time is not None:
            return _with_time(date, time)
    return None


MONTH_WORD = r"[^\W\d_]{3,10}\.?"
DATED = re.compile(
    rf"(?:[^\W\d_]+[., ]{{1,2}})?99?\.?[ -]?(?:de )?{MONTH_WORD},?[ -]?(?:de )?9999(?:\D.*)?|"
    rf"99?[^\w\s] ?99?[^\w\s] ?9999(?:\D.*)?|9999[^\w\s] ?99?[^\w\s] ?99?(?:\D.*)?|9999[ -]{MONTH_WORD}[ -]99?(?:\D.*)?"
)


def looks_dated(shape: str) -> bool:
    """Whether values of a shape are dates to a person, whoever can read them.

    Examples
    --------
    >>> [looks_dated(shape) for shape in ("99 marzo 9999", "lun. 9 mars 9999 à 99h99", "99/99/9999 99h99")]
    [True, True, True]
    >>> [looks_dated(shape) for shape in ("99.9999", "99-9999", "99 99 9999", "99.999,99", "9999-99", "9.999.999")]
    [False, False, False, False, False, False]
    """
    return DATED.fullmatch(shape.lower()) is not None


def _with_time(date: str, time: re.Match[str]) -> MomentFormat:
    zone = time["zone"]
    colon = time["colon"]
    casts = (
        date == "%Y-%m-%d" and colon == ":" and time["gap"] in (" ", "T", "t") and not (time["half"] or time["tail"])
    )
    if zone is not None and casts:
        return MomentFormat("iso", True, True)
    text = f"{date}{time['gap']}{'%I' if time['half'] else '%H'}{colon}%M"
    text += f"{colon}%S" if time["seconds"] else ""
    if time["fraction"]:
        digits = len(time["fraction"]) - 1
        mark = "." if zone is not None else time["fraction"][0]  # as `offset_joined` writes it
        text += mark + ("%g" if digits == 3 else "%f" if digits <= 6 or zone is not None else "%n")
    if time["half"]:
        text += re.sub(r"[ap]\.?m\.?$", "", time["half"], flags=re.IGNORECASE) + "%p"
    return MomentFormat(text + (time["tail"] or "") + "%z" * (zone is not None), True, zone is not None)


def settle_order(way: MomentFormat, day_first: bool) -> MomentFormat:
    """Put day and month where they belong.

    Examples
    --------
    >>> settle_order(MomentFormat("?/?/%Y", False), day_first=False).format
    '%m/%d/%Y'
    """
    first, second = ("%d", "%m") if day_first else ("%m", "%d")
    return replace(way, format=way.format.replace(AMBIGUOUS, first, 1).replace(AMBIGUOUS, second, 1))


def sql_list(formats: list[str]) -> str:
    """Write formats as DuckDB takes them: a text, or a list of texts."""
    texts = [text_literal(text) for text in formats]
    return texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"


EPOCHS = {"epoch_s": (10, 1_000_000), "epoch_ms": (13, 1_000), "epoch_us": (16, 1)}  # digits, microseconds of one


def moment_sql(moments: Moments, value: str, zone: str, *, name: str = "moment") -> str:
    """Write the SQL of a column's moments with their offset, by the helpers `moment` or `day`; undecided formats are left out.

    Parameters
    ----------
    moments : Moments
        How the column writes them.
    value : str
        SQL of the text.
    zone : str
        Time zone of moments that name none.
    name : str
        `moment`, or `day`: one without a time of day is the end of its day.
    """
    known = [way.format for way in moments.formats if not way.is_open]
    if not known:
        return "NULL"
    counted = [way for way in known if way in EPOCHS]
    if counted and not moments.unread and len(known) == 1:
        return _counted_sql(counted[0], value)
    if known[0] == "excel":
        days = f"to_microseconds((round(try_cast({value} AS DOUBLE) * 86400) * 1000000)::BIGINT)"
        return f"((TIMESTAMP '1899-12-30' + {days}) AT TIME ZONE '{zone}')"
    written = [way for way in known if way not in ("iso", *EPOCHS)]
    text = f"offset_joined({value})" if any(way.endswith("%z") for way in written) else value
    # What is ISO 8601 with an offset stays as it is
    other = f"{name}({text}, {sql_list(written)}, '{zone}')" if written else value
    cases = " ".join(f"WHEN {_is_counted_sql(way, value)} THEN {_counted_sql(way, value)}::VARCHAR" for way in counted)
    return f"CASE {cases} ELSE {other} END" if cases else other


def _counted_sql(way: str, value: str) -> str:
    return f"make_timestamptz(try_cast({value} AS BIGINT) * {EPOCHS[way][1]})"


def _is_counted_sql(way: str, value: str) -> str:
    return f"regexp_full_match(trim({value}), '[0-9]{{{EPOCHS[way][0]}}}(\\.[0-9]+)?')"


def instant_sql(moments: Moments, value: str, zone: str) -> str:
    """Write the SQL of a column's moments as TIMESTAMPTZ, missing where unread: for counting, not for the source."""
    known = [way.format for way in moments.formats if not way.is_open]
    if not known:
        return "NULL::TIMESTAMPTZ"
    if any(way in EPOCHS or way == "excel" or way.endswith("%z") for way in known):
        return f"try_cast({moment_sql(moments, value, zone)} AS TIMESTAMPTZ)"
    local = [way for way in known if way != "iso"]
    parts = [f"(try_strptime({value}, {sql_list(local)}) AT TIME ZONE '{zone}')"] if local else []
    parts += [f"try_cast(offset_joined({value}) AS TIMESTAMPTZ)"] if "iso" in known else []
    return parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"
