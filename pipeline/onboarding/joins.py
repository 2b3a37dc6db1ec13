"""Keys of tables and how they join, by values: names only break ties."""

import re

from pipeline.onboarding.cells import filled_sql, value_sql
from pipeline.onboarding.columns import Column, Table
from pipeline.onboarding.names import concepts, normal
from pipeline.onboarding.plan import Reference
from pipeline.tables.contract_sql import quoted
from pipeline.tables.duckdb import Connection

__all__ = ["keys", "overlap", "reference"]

UNIQUE, NAMED_UNIQUE = 0.9, 0.7  # of a key's filled values are different, of one named so: exports repeat rows
FILLED = 0.5
JOINS = 0.5  # of the different values of a reference are among the keys
ALL_KNOWN = 0.98
MOST_STAGES = 10
FEW_PEOPLE = 0.02  # of the people; a file about fewer of them must say so in a column's name
MOST_VALUES = 20_000
OTHER_RECORDS = re.compile(
    r"\b(deal|opportunity|company|account|organi[sz]ation|org|activity|owner|campaign|product|order|firma|firmen|"
    r"unternehmens?|chance|aktivitaets?|besitzer|kampagnen?|produkt|auftrags?)\b"
)
PEOPLE_WORDS = re.compile(
    r"\b(lead|person|contact|kontakt|personen|people|interessent|ansprechpartner|datensatz|record|customer|kunden)"
)


def keys(table: Table) -> list[Column]:
    """List the columns that can be a table's key: nearly unique, mostly filled, an identifier by name or place, best first."""

    def rank(column: Column) -> tuple[int, ...]:
        named = "lead_id" in concepts(column.name)
        spaces = column.type == "text" and column.personal is None
        return (not named, column.personal is not None, OTHER_RECORDS.search(normal(column.name)) is not None, spaces)

    found = [
        column
        for column in table.columns.values()
        if column.type in ("number", "text", "category")
        and column.filled >= FILLED * table.rows
        and column.distinct >= (NAMED_UNIQUE if "lead_id" in concepts(column.name) else UNIQUE) * column.filled
        and (column.personal in (None, "email") or "lead_id" in concepts(column.name))
    ]
    return sorted(found, key=rank)


def overlap(connection: Connection, table: Table, column: str, other: Table, key: str) -> float:
    """Measure which share of a column's different values, or of a sample of them, another table's keys hold."""
    [(share,)] = connection.execute(
        f"""SELECT avg((k.value IS NOT NULL)::INTEGER) FROM (
            SELECT DISTINCT {_key(column)} AS value FROM {table.loaded} WHERE {filled_sql(column)} LIMIT {MOST_VALUES}
        ) r LEFT JOIN (
            SELECT DISTINCT {_key(key)} AS value FROM {other.loaded} WHERE {quoted(key)} IS NOT NULL
        ) k USING (value)"""
    ).fetchall()
    return float(share or 0.0)


def _key(name: str) -> str:
    return f"lower({value_sql(name)})" if "email" in concepts(name, "personal") else value_sql(name)


def _counts_rows(table: Table, column: Column, share: float) -> bool:
    """Whether a table's own numbers are likely those of its rows: two tables that count from 1 share numbers, and no leads.

    One row per lead is still possible where every number is known and nothing else could name the lead.
    """
    others = [name for name in table.columns if name != column.name and re.search(r"\bid$", normal(name))]
    return column.type == "number" and (share < ALL_KNOWN or bool(others))


def _numbers_few(column: Column, target: Column) -> bool:
    """Whether a column's numbers are so few that they are rather those of stages or sources than of people."""
    return (
        column.type == "number" and column.distinct < max(MOST_STAGES, FEW_PEOPLE * target.distinct) <= target.distinct
    )


def reference(connection: Connection, table: Table, people: Table, lead_id: str) -> Reference | None:
    """Find the column of a table that names its leads: by the people's key, or by their mail address.

    Parameters
    ----------
    connection : Connection
        Holds both tables.
    table, people : Table
        The table, and that of people.
    lead_id : str
        The people's key.

    Returns
    -------
    Reference or None
        The best: most of its values are known, then a name that speaks of people. None: nothing joins.
    """
    others = [
        column.name for column in people.columns.values() if column.personal == "email" and column.name != lead_id
    ]
    targets = [lead_id, *others]
    found: list[tuple[float, Reference]] = []
    whole_key = normal(lead_id.replace(" - ", " "))  # "Activity - Deal ID" speaks of people whose key is "Deal - ID"
    own = {column.name for column in keys(table)[:1]}
    for column in table.columns.values():
        if column.type not in ("number", "text", "category") or not column.filled:
            continue
        name = normal(column.name)
        speaks = PEOPLE_WORDS.search(name) is not None or (" " in whole_key and f" {name}".endswith(f" {whole_key}"))
        if OTHER_RECORDS.search(name) and not speaks:
            continue
        if column.personal not in (None, "email", "name"):
            continue
        for target in targets:
            if (people.column(target).personal == "email") != (column.personal == "email"):
                continue
            share = overlap(connection, table, column.name, people, target)
            if share >= JOINS:
                same = normal(column.name) == normal(target)
                is_own_id = column.name in own and not speaks and not same
                if not speaks and (
                    (column.name in own and _counts_rows(table, column, share))
                    or (not same and _numbers_few(column, people.column(target)))
                ):
                    continue
                rank = share + 0.3 * speaks + 0.3 * same - 0.6 * is_own_id - 0.2 * (target != lead_id)
                found.append((rank, Reference(column.name, target, share)))
    return max(found, key=lambda item: item[0])[1] if found else None
