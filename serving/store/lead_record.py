"""What the store holds of a lead beside what a model sees: owner, verdicts, who changed its stage, colleagues' titles."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from models.answers.risk_set import ENDS
from serving.store import schema
from serving.store.reading import account_members
from serving.store.writing import chunks

__all__ = ["LeadRecord", "StageChange", "Verdict", "is_known", "read_record", "read_verdicts"]

MOST = 200
WITH_SALES = ("mql", "sal")
QUESTIONS = ("need", "budget", "compatibility", "timing")


@dataclass(frozen=True, slots=True)
class StageChange:
    """One stage change, with the people behind it."""

    stage: str
    occurred_at: int
    reason: str | None
    owner: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One verdict of sales; `outcome_id` is None where it came without one, `check` holds the answers that were given."""

    outcome: str
    outcome_id: str | None
    occurred_at: int
    reason: str | None
    decided_by: str | None
    retracted_at: int | None
    check: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LeadRecord:
    """What is known of one lead.

    Attributes
    ----------
    account_id, owner : str or None
        The owner is the one in the newest stage change that names one.
    stage : str or None
        The newest that says where it stands with sales.
    changes : sequence of StageChange
        In time order; the newest `MOST`.
    verdicts : sequence of Verdict
        Newest first.
    colleague_titles : mapping of str to mapping
        Attributes of the account's other leads, by lead.
    budget : object
        The newest value of an attribute that speaks of a budget; None: there is none.
    """

    account_id: str | None
    owner: str | None
    stage: str | None
    changes: Sequence[StageChange]
    verdicts: Sequence[Verdict]
    colleague_titles: Mapping[str, Mapping[str, Any]]
    budget: Any

    @property
    def standing(self) -> list[Verdict]:
        """Give the verdicts that were not taken back."""
        return [item for item in self.verdicts if item.retracted_at is None]


def is_known(connection: sa.Connection, lead_id: str) -> bool:
    """Tell whether anything is known of a lead."""
    table = schema.leads
    return connection.execute(sa.select(table.c.lead_id).where(table.c.lead_id == lead_id)).first() is not None


def read_record(connection: sa.Connection, lead_id: str) -> LeadRecord:
    """Read it; a lead that nothing is known of has an empty one.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store`.
    lead_id : str
    """
    account = connection.execute(sa.select(schema.leads.c.account_id).where(schema.leads.c.lead_id == lead_id)).scalar()
    table = schema.stage_changes
    columns = [table.c[name] for name in ("stage", "occurred_at", "reason", "owner")]
    query = sa.select(*columns).where(table.c.lead_id == lead_id, table.c.retracted_at.is_(None))
    rows = connection.execute(query.order_by(table.c.occurred_at.desc(), table.c.recorded_at.desc()).limit(MOST)).all()
    changes = [StageChange(*row) for row in reversed(rows)]
    verdicts = read_verdicts(connection, lead_id)
    standing = [item.stage for item in changes if item.stage in (*WITH_SALES, *ENDS)]
    attributes = _newest_attributes(connection, [lead_id, *account_members(connection, lead_id, MOST)])
    own = attributes.pop(lead_id, {})
    return LeadRecord(
        account,
        next((item.owner for item in reversed(changes) if item.owner), None),
        standing[-1] if standing else None,
        changes,
        verdicts,
        attributes,
        next((value for name, value in own.items() if "budget" in name.lower() and value is not None), None),
    )


def read_verdicts(connection: sa.Connection, lead_id: str) -> list[Verdict]:
    """Read a lead's verdicts, newest first, with those that were taken back; at most `MOST`."""
    table = schema.outcomes
    query = sa.select(table).where(table.c.lead_id == lead_id).order_by(table.c.occurred_at.desc()).limit(MOST)
    return [_verdict(row) for row in connection.execute(query).mappings()]


def _verdict(row: Mapping[Any, Any]) -> Verdict:
    answers = {name: row[name] for name in QUESTIONS if row[name] is not None}
    return Verdict(
        row["outcome"],
        row["outcome_id"],
        row["occurred_at"],
        row["reason"],
        row["decided_by"] or row["owner"],
        row["retracted_at"],
        answers,
    )


def _newest_attributes(connection: sa.Connection, lead_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    table, values = schema.attribute_changes, dict[str, dict[str, Any]]()
    for chunk in chunks(lead_ids):
        query = sa.select(table.c.entity_id, table.c.attribute, table.c.value)
        query = query.where(table.c.entity == "lead", table.c.entity_id.in_(chunk))
        for entity_id, attribute, value in connection.execute(query.order_by(table.c.occurred_at, table.c.recorded_at)):
            values.setdefault(entity_id, {})[attribute] = json.loads(value)
    return values
