"""Which table is what: people, deals, histories of stages, activities, companies, orders; from names, values and joins."""

from dataclasses import dataclass

from features.errors import DataError
from pipeline.onboarding.column_roles import MOSTLY_FILLED, stage_word, status_column
from pipeline.onboarding.columns import Column, Table
from pipeline.onboarding.joins import JOINS, keys, overlap, reference
from pipeline.onboarding.names import concepts, normal, word_of, words
from pipeline.onboarding.plan import Question, Reference
from pipeline.onboarding.questions import Ask
from pipeline.tables.duckdb import Connection

__all__ = ["Roles", "assign_roles"]

KIND_ROWS = 0.2  # of a table's rows have a word for an activity
HISTORY_REPEATS = 1.05  # rows per lead from which a status is a history


@dataclass(frozen=True)
class Roles:
    """Tables by their role; each but that of people with how its rows name their lead."""

    people: Table
    lead_id: Column
    deals: tuple[tuple[Table, Reference], ...]
    histories: tuple[tuple[Table, Reference, Column], ...]
    activities: tuple[tuple[Table, Reference | None], ...]
    accounts: tuple[Table, str] | None
    orders: tuple[tuple[Table, Column], ...]
    unused: tuple[tuple[Table, str], ...]


def assign_roles(connection: Connection, tables: list[Table], ask: Ask) -> Roles:
    """Say what each table is.

    Raises
    ------
    DataError
        No table can be one of people, or two can and nothing tells which.
    """
    people = _people(connection, tables, ask)
    lead_id = _lead_id(people, ask)
    deals, histories, orders, unused = [], [], [], []
    activities: list[tuple[Table, Reference | None]] = []
    accounts: tuple[Table, str] | None = None
    for table in tables:
        if table is people:
            continue
        refers = reference(connection, table, people, lead_id.name)
        if accounts is None and refers is None and (key := _account_key(connection, people, table)) is not None:
            accounts = (table, key)
        elif refers is not None and any(stage_word(column) for column in table.moments()):
            deals.append((table, refers))
        elif refers is not None and (status := status_column(table)) and table.moments() and _changes(table, refers):
            histories.append((table, refers, status))
            if status.filled < MOSTLY_FILLED * table.rows and _says_kinds(table, status):
                # Its other rows are no changes of a stage; those of a log of fields are changes of something else
                activities.append((table, refers))
        elif table.moments() and (refers is not None or _is_web(table)):
            activities.append((table, refers))
        elif refers is None and (of_account := _order_account(connection, people, table)) is not None:
            orders.append((table, of_account))
            why = "orders of accounts, which a source of leads does without; docs/upsell.md reads them for customers"
            unused.append((table, why))
        elif not table.moments():
            unused.append((table, "no column of it holds moments"))
        else:
            unused.append((table, f"no column of it names the people of {people.name}"))
    return Roles(
        people, lead_id, tuple(deals), tuple(histories), tuple(activities), accounts, tuple(orders), tuple(unused)
    )


def _people(connection: Connection, tables: list[Table], ask: Ask) -> Table:
    candidates = [table for table in tables if table.rows and keys(table) and not table.known_shape and not table.inner]
    if not any(table.rows for table in tables):
        raise DataError(
            f"{', '.join(table.name for table in tables)}: a header and no row. Export the list with its rows."
        )
    events = [table for table in candidates if _lists_events(table)]
    candidates = [table for table in candidates if table not in events]
    if not candidates and events:
        person = _repeated_person(events[0])
        raise DataError(
            f"{events[0].name}: rows are events ({keys(events[0])[0].name}) of people ({person}), and no file lists these. "
            f"Add the CRM's list of leads or contacts, with {person} as a column."
        )
    repeated = next((table for table in tables if len(table.sources) > 1 and not table.known_shape), None)
    if not candidates and repeated is not None:
        raise DataError(
            f"{repeated.name}: no column's values differ from row to row, so that these look like exports of one list at "
            "several times. Give the newest one alone."
        )
    if not candidates:
        raise DataError(
            "no table of people: none of the files has a column whose values differ from row to row. Add the CRM's list of "
            "leads or contacts, with its id."
        )
    if len(candidates) == 1:
        return candidates[0]
    rank = {table.name: _people_rank(connection, table, tables) for table in candidates}
    best = max(rank.values())
    top = [table for table in candidates if rank[table.name] > best - 1]
    if len(top) == 1:
        return top[0]
    question = Question(
        "people",
        "Which table lists the people (leads)?",
        tuple(table.name for table in top),
        None,
        "More than one looks like it.",
    )
    answer = ask(question)
    return next(table for table in top if table.name == answer)


def _lists_events(table: Table) -> bool:
    """Whether a row is an event of somebody: its id is an event's, and who it is of stands in several rows."""
    return "event_id" in concepts(keys(table)[0].name) and _repeated_person(table) is not None


def _repeated_person(table: Table) -> str | None:
    named = (c for c in table.columns.values() if "lead_id" in concepts(c.name) and c is not keys(table)[0])
    return next((c.name for c in named if c.filled >= 0.5 * table.rows and c.distinct < c.filled), None)


def _people_rank(connection: Connection, table: Table, tables: list[Table]) -> float:
    """Count what speaks for people: personal data, stages, and tables that point here."""
    columns = table.columns.values()
    personal = {column.personal for column in columns if column.personal in ("email", "name", "phone")}
    stages = sum(1 for column in table.moments() if stage_word(column) not in (None, "inquiry"))
    named = "lead_id" in concepts(keys(table)[0].name)
    pointed = sum(
        1
        for other in tables
        if other is not table and reference(connection, other, table, keys(table)[0].name) is not None
    )
    pointing = sum(
        1
        for other in tables
        if other is not table
        and keys(other)
        and (found := reference(connection, table, other, keys(other)[0].name)) is not None
        and found.column != keys(table)[0].name
    )
    attributes = sum(1 for column in columns if column.type in ("category", "boolean", "number"))
    created = any("created_at" in concepts(column.name) for column in table.moments())
    return (
        2 * len(personal) + 2 * created + min(stages, 2) + named + 3 * pointed - 3 * pointing + min(attributes, 4) * 0.1
    )


def _lead_id(people: Table, ask: Ask) -> Column:
    found = keys(people)
    named = [column for column in found if "lead_id" in concepts(column.name)] or found
    question = Question(
        "lead_id",
        f"Which column of {people.name} names the person?",
        tuple(column.name for column in found),
        named[0].name,
        f"{named[0].distinct:,} different values in {named[0].filled:,} filled rows.",
    )
    return people.column(ask(question))


def _account_key(connection: Connection, people: Table, table: Table) -> str | None:
    """Find the column of another table that people's account column points to."""
    pointing = [c for c in people.columns.values() if concepts(c.name) & {"account_id", "account_name"} and c.filled]
    targets = [
        column
        for column in table.columns.values()
        if column.type in ("number", "text", "category")
        and column.filled >= 0.5 * table.rows
        and column.distinct >= 0.9 * column.filled
    ]
    for column in pointing:
        for target in targets:
            if overlap(connection, people, column.name, table, target.name) >= JOINS:
                return target.name
    return None


def _order_account(connection: Connection, people: Table, table: Table) -> Column | None:
    """Find the account column of a table of orders: amounts with moments, of accounts that people belong to."""
    if (
        not any("amount" in concepts(c.name) for c in table.columns.values() if c.type == "number")
        or not table.moments()
    ):
        return None
    for column in people.columns.values():
        if not concepts(column.name) & {"account_id", "account_name"}:
            continue
        for other in table.columns.values():
            named = concepts(other.name) & {"account_id", "account_name"}
            if named and overlap(connection, table, other.name, people, column.name) >= JOINS:
                return other
    return None


def _says_kinds(table: Table, status: Column) -> bool:
    """Whether a column says what rows are, in words for activities."""
    shares = (
        sum(n for value, n in column.values.items() if word_of(value, "kinds")) / table.rows
        for column in table.columns.values()
        if column.type == "category" and column is not status and not words("before") & set(normal(column.name).split())
    )
    return any(share >= KIND_ROWS for share in shares)


def _changes(table: Table, refers: Reference) -> bool:
    """Whether a table with a status is a history: rows repeat per lead, or it is narrow."""
    per_lead = table.rows / max(1, table.column(refers.column).distinct)
    kinds = [c for c in table.columns.values() if c.type == "category" and any(word_of(v, "kinds") for v in c.values)]
    named_kind = any("kind" in concepts(column.name) for column in kinds)
    return (per_lead >= HISTORY_REPEATS or len(table.columns) <= 6) and not named_kind


def _is_web(table: Table) -> bool:
    """Whether a table holds web events: known analytics, a column of visitors, or one of kinds beside one of pages."""
    if table.known_shape:
        return True
    values = [list(column.values) for column in table.columns.values() if column.type == "category"]
    events = any(sum(word_of(value, "kinds") is not None for value in some) * 2 >= len(some) > 0 for some in values)
    visitors = any("visitor_id" in concepts(name) for name in table.columns)
    pages = any(any(value.startswith(("http", "/")) for value in some[:20]) for some in values)
    return visitors or (events and pages)
