"""Leads, owners and visitors get their pseudonyms at one place: in the rows of a view, before anything looks at them."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from models.data_protection.identifiers import holds_identifiers
from models.data_protection.pseudonyms import OWNER_COLUMN, IdKind, Pseudonyms, id_kind, is_owner
from pipeline.tables.contract_sql import quoted
from pipeline.tables.duckdb import Connection, text_literal

__all__ = ["AS_GIVEN", "IdPseudonyms"]

VISITOR = "visitor_id"


class IdPseudonyms:
    """The pseudonyms of one ingest.

    Parameters
    ----------
    pseudonyms : Pseudonyms or None
        None: all ids stay as the source has them.
    identifiers : sequence of str
        Columns that hold direct identifiers: with `visitor_id` among them all visitors get pseudonyms, else those whose id
        holds a mail address, a telephone number or an IP address.

    Attributes
    ----------
    names : dict of str to str
        From the pseudonyms that were made to the ids as the source has them.
    given : set of str
        Pseudonyms that the source itself has, as an export of the online store does.
    """

    def __init__(self, pseudonyms: Pseudonyms | None = None, identifiers: Sequence[str] = ()) -> None:
        self.pseudonyms, self.identifiers = pseudonyms, frozenset(identifiers)
        self.names: dict[str, str] = {}
        self.given: set[str] = set()

    def lead(self, lead_id: str) -> str:
        """Give a lead's id as the tables have it."""
        return lead_id if self.pseudonyms is None else self._named("lead", lead_id)

    def known_as(self, lead_id: str) -> tuple[str, ...]:
        """Give all that a lead of the tables is called: its pseudonym, and the source's id."""
        return tuple(dict.fromkeys((lead_id, self.names.get(lead_id, lead_id))))

    def replaces(self, column: str) -> bool:
        """Tell whether a column holds pseudonyms afterwards, for whom other rules have no business."""
        return self.pseudonyms is not None and is_owner(column)

    def apply(self, connection: Connection, name: str, described: Mapping[str, str]) -> dict[str, str]:
        """Replace the ids in `raw_<name>`; give the columns that hold them, which are text then."""
        if self.pseudonyms is None:
            return {}
        columns = [column for column in described if id_kind(column) is not None]
        for column in columns:
            self._replace(connection, f"raw_{name}", column, described[column])
        if name == "attribute_changes" and described.get("value") == "VARCHAR":
            of_owners = f"regexp_full_match(trimmed(attribute::VARCHAR), {text_literal(f'(?i){OWNER_COLUMN}')})"
            self._replace(connection, "raw_attribute_changes", "value", "VARCHAR", of_owners)
        return dict.fromkeys(columns, "VARCHAR")

    def _replace(
        self, connection: Connection, table: str, column: str, kind: str, condition: str | None = None
    ) -> None:
        if kind != "VARCHAR":
            connection.execute(f"ALTER TABLE {table} ALTER COLUMN {quoted(column)} TYPE VARCHAR")
        where = "" if condition is None else f" AND {condition}"
        rows = connection.execute(
            f"SELECT DISTINCT {quoted(column)}, tidied({quoted(column)}) FROM {table} "
            f"WHERE present({quoted(column)}) AND NOT rounded_id({quoted(column)}){where}"
        ).fetchall()
        new = [(text, name) for text, tidy in rows if (name := self._of_column(column, tidy)) is not None]
        if new:
            texts, names = zip(*new, strict=True)
            connection.register("named_now", pa.table({"old": pa.array(texts), "new": pa.array(names)}))
            connection.execute(
                f"UPDATE {table} t SET {quoted(column)} = n.new FROM named_now n WHERE t.{quoted(column)} = n.old{where}"
            )
            connection.unregister("named_now")

    def _of_column(self, column: str, text: str) -> str | None:
        """Give what takes an id's place; None: it stays."""
        kind = id_kind(column) or "owner"  # values of an attribute's history that names owners
        if kind == "visitor" and VISITOR not in self.identifiers and not holds_identifiers(text):
            return None
        return self._named(kind, text)

    def _named(self, kind: IdKind, text: str) -> str:
        if self.pseudonyms is None:
            raise ValueError("ids stay as given")
        name = self.pseudonyms.of(kind, text)
        if name == text:
            self.given.add(name)
        else:
            self.names[name] = text
        return name

    def named(self, known: Mapping[str, str]) -> dict[str, str]:
        """Give what the mapping table shall hold: names of this ingest, and what is known of pseudonyms that it was given."""
        return {name: known[name] for name in self.given & known.keys()} | self.names

    def forget(self, connection: Connection) -> None:
        """Leave out the names of who is in no table, as they objected or were erased."""
        for table in ("left_out_leads", "left_out_visitors"):
            for (name,) in connection.execute(f"FROM {table}").fetchall():
                self.names.pop(name, None)
                self.given.discard(name)


AS_GIVEN = IdPseudonyms()
"""All ids stay as the source has them."""
