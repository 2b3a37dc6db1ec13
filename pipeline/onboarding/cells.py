"""SQL of a cell's text: without blanks around it, and whether it is a value or a word for missing."""

from pipeline.tables.contract_sql import quoted

__all__ = ["filled_sql", "value_sql"]

LONGEST_MISSING = 19  # bytes; '0000-00-00 00:00:00' is the longest word for missing
# Code points that a word for missing, in small letters or capitals, begins with, and blanks.
FIRST_OF_MISSING = (
    9,
    10,
    13,
    32,
    160,
    8201,
    8239,
    65279,
    35,
    40,
    45,
    48,
    60,
    63,
    91,
    92,
    75,
    107,
    78,
    110,
    85,
    117,
    8211,
    8212,
)


def value_sql(name: str) -> str:
    """Write the SQL of a column's text without blanks around it."""
    return f"trim({quoted(name)})"


def filled_sql(name: str) -> str:
    """Write the SQL of whether a column has a value. Length and first letter tell most values from words for missing."""
    raw = quoted(name)
    letters = ", ".join(map(str, FIRST_OF_MISSING))
    return (
        f"(CASE WHEN coalesce({raw}, '') = '' THEN false WHEN strlen({raw}) > {LONGEST_MISSING} THEN true "
        f"WHEN ascii({raw}) NOT IN ({letters}) THEN true ELSE present({raw}) END)"
    )
