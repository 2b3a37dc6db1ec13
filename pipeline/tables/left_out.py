"""Rows that ingest leaves out because of the person they speak of: who objected or was erased, touchpoints without consent.

They are counted, and go to no table and no quarantine.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace

import pyarrow as pa

from features.errors import DataError
from models.data_protection.consent import CONSENT_REFUSED
from models.data_protection.suppression import Entry, SuppressionList
from pipeline.tables.duckdb import Connection, text_literal
from pipeline.tables.id_pseudonyms import AS_GIVEN, IdPseudonyms
from pipeline.tables.ingest_counts import with_reasons
from pipeline.tables.merged_leads import MERGED_LEADS, TABLES_OF_LEADS

__all__ = ["OBJECTIONS", "Suppression", "delete_rows"]

OBJECTIONS = "objections"

OF_LEADS = (OBJECTIONS, "leads", MERGED_LEADS, *TABLES_OF_LEADS)


class Suppression:
    """Who is left out of one ingest: the suppression list, and what the source's own view `objections` adds to it.

    Parameters
    ----------
    listed : SuppressionList
        As it was before.
    ids : IdPseudonyms
        What the leads of the tables are called; an entry of the list may name the CRM's id, the pseudonym, or both.

    Attributes
    ----------
    news : list of Entry
        What the source says and the list did not know; the caller appends them to the list.
    """

    def __init__(self, listed: SuppressionList, ids: IdPseudonyms = AS_GIVEN) -> None:
        self.listed, self.ids = listed, ids
        self.news: list[Entry] = []
        self._standing: dict[str, Entry] = {}

    def is_out(self, lead_id: str) -> bool:
        """Tell whether a lead is left out."""
        own = self._standing.get(lead_id)
        return (own is not None and own.cause != "withdrawal") or (
            own is None and any(self.listed.cause(name) is not None for name in self.ids.known_as(lead_id))
        )

    def begin(self, connection: Connection) -> None:
        """Make the tables that the deletions look into."""
        connection.execute("CREATE TEMP TABLE looked_up_leads (lead_id VARCHAR PRIMARY KEY)")
        connection.execute("CREATE TEMP TABLE left_out_leads (lead_id VARCHAR PRIMARY KEY)")
        connection.execute("CREATE TEMP TABLE left_out_visitors (visitor_id VARCHAR PRIMARY KEY)")

    def take_objections(self, connection: Connection) -> None:
        """Add the source's own objections; works on `checked_objections`.

        Raises
        ------
        DataError
            One can't be read: to go on would be to score somebody who objected.
        """
        bad = connection.execute(
            "SELECT _reason, count(*) FROM checked_objections WHERE _reason IS NOT NULL GROUP BY 1 ORDER BY 1"
        ).fetchall()
        if bad:
            raise DataError(
                f"view 'objections' has rows that can't be read{with_reasons(dict(bad))}. Each says lead_id and "
                "occurred_at (a moment with its zone), and state (objected or withdrawn; missing: objected). Mend them: a "
                "person who objected would be scored."
            )
        rows = connection.execute(
            "SELECT lead_id, epoch_us(occurred_at), coalesce(state, 'objected') FROM checked_objections ORDER BY ALL"
        ).fetchall()
        entries = [
            Entry(lead_id, "withdrawal" if state == "withdrawn" else "objection", _moment(at))
            for lead_id, at, state in rows
        ]
        self._add([entry for entry in entries if self.listed.news(self._by_all_names(entry))])

    def follow_merges(self, connection: Connection) -> None:
        """Let an objection count for all ids of a person: of merged leads, before and after; reads the view `merged_leads`."""
        pairs = connection.execute(
            "SELECT DISTINCT tidied(lead_id::VARCHAR), tidied(merged_into::VARCHAR) FROM merged_leads"
        ).fetchall()
        lead = self.ids.lead
        groups = _groups((lead(old), lead(new)) for old, new in pairs if old is not None and new is not None)
        for group in groups:
            out = [lead_id for lead_id in group if self.is_out(lead_id)]
            others = [lead_id for lead_id in group if lead_id not in out]
            if not out or not others:
                continue
            # As old as the objection itself: what was withdrawn for the other id later stays withdrawn
            self._add(
                [Entry(lead_id, "objection", self._since(out)) for lead_id in others if not self._withdrew(lead_id)]
            )

    def leave_out(self, connection: Connection, name: str) -> dict[str, int]:
        """Take rows out of `checked_<name>` and `raw_<name>`.

        Parameters
        ----------
        connection : Connection
            With both tables.
        name : str
            Of a canonical table.

        Returns
        -------
        dict of str to int
            Rows by why they were left out.
        """
        out: dict[str, int] = {}
        if name in OF_LEADS and (self.listed or self._standing):
            self._look_up(connection, name)
            if name == "identities":
                connection.execute(
                    "INSERT OR IGNORE INTO left_out_visitors SELECT visitor_id FROM checked_identities "
                    "WHERE visitor_id IS NOT NULL AND lead_id IN (FROM left_out_leads)"
                )
            condition = "lead_id IN (FROM left_out_leads)"
            if name == MERGED_LEADS:
                condition += " OR merged_into IN (FROM left_out_leads)"
            if name == "touchpoints":
                condition += " OR (lead_id IS NULL AND visitor_id IN (FROM left_out_visitors))"
            out["objected or erased"] = delete_rows(connection, name, condition)
        if name == "touchpoints":
            refused = ", ".join(map(text_literal, CONSENT_REFUSED))
            out["without consent"] = delete_rows(connection, name, f"lower(consent) IN ({refused})")
        return {why: rows for why, rows in out.items() if rows}

    def _add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            former = self._standing.get(entry.lead_id)
            if former is None or (former.at, former.cause == "objection") <= (entry.at, entry.cause == "objection"):
                self._standing[entry.lead_id] = entry
            self.news += self._by_all_names(entry)

    def _by_all_names(self, entry: Entry) -> list[Entry]:
        """Let the list know a lead by its pseudonym, which tables and the store have, and by the id that the CRM sends."""
        return [replace(entry, lead_id=name) for name in self.ids.known_as(entry.lead_id)]

    def _complete(self, lead_id: str) -> None:
        """Let an entry that was made when ids stayed as given count for the pseudonym, too."""
        for name in self.ids.known_as(lead_id):
            found = self.listed.newest(name)
            if found is not None and found[1] != "withdrawal":
                self.news += self.listed.news(self._by_all_names(Entry(lead_id, found[1], found[0])))

    def _since(self, lead_ids: Iterable[str]) -> dt.datetime:
        moments = [self._standing[lead_id].at for lead_id in lead_ids if lead_id in self._standing]
        return min(moments, default=dt.datetime(1970, 1, 1, tzinfo=dt.UTC))

    def _withdrew(self, lead_id: str) -> bool:
        own = self._standing.get(lead_id)
        return own is not None and own.cause == "withdrawal"

    def _look_up(self, connection: Connection, name: str) -> None:
        columns = ("lead_id", "merged_into") if name == MERGED_LEADS else ("lead_id",)
        for column in columns:
            rows = connection.execute(
                f"SELECT DISTINCT {column} FROM checked_{name} WHERE {column} IS NOT NULL "
                f"AND {column} NOT IN (FROM looked_up_leads)"
            ).fetchall()
            unseen = pa.table({"lead_id": pa.array([lead_id for (lead_id,) in rows], pa.string())})
            out = [lead_id for (lead_id,) in rows if self.is_out(lead_id)]
            for lead_id in out:
                self._complete(lead_id)
            left_out = pa.table({"lead_id": pa.array(out, pa.string())})
            for table, arrow in (("looked_up_leads", unseen), ("left_out_leads", left_out)):
                connection.register("looked_up_now", arrow)
                connection.execute(f"INSERT INTO {table} SELECT lead_id FROM looked_up_now")
                connection.unregister("looked_up_now")


def delete_rows(connection: Connection, name: str, condition: str) -> int:
    """Delete rows of `checked_<name>` that meet an SQL condition, with their raw rows; give how many."""
    [(rows,)] = connection.execute(f"SELECT count(*) FROM checked_{name} WHERE {condition}").fetchall()
    if rows:
        connection.execute(f"DELETE FROM raw_{name} WHERE _row IN (SELECT _row FROM checked_{name} WHERE {condition})")
        connection.execute(f"DELETE FROM checked_{name} WHERE {condition}")
    return int(rows)


def _moment(micros: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)


def _groups(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Join ids that are merged into one another, directly or by others."""
    group_of: dict[str, list[str]] = {}
    for old, new in pairs:
        one, other = group_of.setdefault(old, [old]), group_of.setdefault(new, [new])
        if one is not other:
            one.extend(other)
            for lead_id in other:
                group_of[lead_id] = one
    return list({id(group): sorted(group) for group in group_of.values()}.values())
