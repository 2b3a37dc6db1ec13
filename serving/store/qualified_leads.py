"""Leads that became qualified, with what a model thought of them before: what open leads are compared with on their pages."""

import base64
import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa

from models.answers.similar_leads import PastLead, Profile
from serving.store import schema
from serving.store.writing import chunks, insert

__all__ = [
    "MOST",
    "QUALIFIED",
    "QualifiedLead",
    "as_past",
    "drop_qualified",
    "newest_qualified",
    "put_qualified",
    "queue_qualified",
]

MOST = 200
"""Of the newest so many a lead is compared with."""

_TABLE = schema.qualified_leads
QUALIFIED = "already_qualified"


class QualifiedLead(NamedTuple):
    """One lead; moments are UTC microseconds."""

    lead_id: str
    model: str
    model_key: str
    handed_over_at: int
    qualified_at: int
    profiles: tuple[Profile, ...]


def put_qualified(connection: sa.Connection, leads: Sequence[QualifiedLead]) -> None:
    """Write leads, or bring them up to date.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.run`.
    leads : sequence of QualifiedLead
        Each once.
    """
    for chunk in chunks(sorted(leads, key=lambda lead: lead.lead_id)):
        rows = [{**lead._asdict(), "profiles": json.dumps(list(map(_values, lead.profiles)))} for lead in chunk]
        statement = insert(connection, _TABLE)
        news = {column.name: statement.excluded[column.name] for column in _TABLE.columns if not column.primary_key}
        connection.execute(statement.on_conflict_do_update(index_elements=["lead_id", "model"], set_=news), rows)


def drop_qualified(connection: sa.Connection, model: str, lead_ids: Sequence[str]) -> None:
    """Take leads out of a model's rows: their verdict was a mistake, or they are open again."""
    for chunk in chunks(sorted(lead_ids)):
        connection.execute(sa.delete(_TABLE).where(_TABLE.c.lead_id.in_(chunk), _TABLE.c.model == model))


def newest_qualified(
    connection: sa.Connection, model_key: str, age_days: float = math.inf, most: int = MOST
) -> dict[str, QualifiedLead]:
    """Read those that became qualified last, as this model sees them; by lead_id.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.read`.
    model_key : str
        As `serving.scoring.scorer.Scorer.model_key` names it.
    age_days : float
        Of a lead, of its profiles the last that is not beyond it is read; infinite: all are.
    most : int
        At most so many.
    """
    query = sa.select(_TABLE).where(_TABLE.c.model_key == model_key).order_by(_TABLE.c.qualified_at.desc()).limit(most)
    leads = {}
    for row in connection.execute(query).mappings():
        stored = [values for values in json.loads(row["profiles"]) if values[0] <= age_days]
        needed = stored if age_days == math.inf else stored[-1:]
        leads[row["lead_id"]] = QualifiedLead(**{**row, "profiles": tuple(map(_profile, needed))})
    return leads


def as_past(leads: dict[str, QualifiedLead]) -> list[PastLead]:
    """Give them as `models.answers.similar_leads.most_similar` takes them."""
    return [PastLead(lead.lead_id, lead.profiles) for lead in leads.values()]


def queue_qualified(connection: sa.Connection, model: str, model_key: str, now: int) -> None:
    """Queue those that became qualified last for scoring, as far as this model has not seen them.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    model, model_key : str
        That serves, and its version.
    now : int
        UTC microseconds.
    """
    decisions, queue = schema.decisions, schema.rescore
    newest = sa.select(decisions.c.lead_id).where(decisions.c.not_scored == QUALIFIED, decisions.c.model == model)
    newest = newest.order_by(decisions.c.changed_at.desc(), decisions.c.lead_id).limit(MOST)
    lead_ids = list(connection.execute(newest).scalars())
    for chunk in chunks(lead_ids):
        query = sa.select(_TABLE.c.lead_id).where(_TABLE.c.lead_id.in_(chunk), _TABLE.c.model_key == model_key)
        known = {*connection.execute(query).scalars()}
        rows = [{"lead_id": lead_id, "asked": 1, "due_at": now} for lead_id in sorted({*chunk} - known)]
        if rows:
            connection.execute(insert(connection, queue).on_conflict_do_nothing(), rows)


def _values(profile: Profile) -> list[Any]:
    # Two hundred leads are read for one page; numbers as text would take it half of its time
    packed = base64.b64encode(profile.topics.astype("<f4").tobytes()).decode("ascii")
    return [profile.age_days, profile.probability, packed]


def _profile(values: list[Any]) -> Profile:
    age_days, probability, packed = values
    return Profile(age_days, probability, np.frombuffer(base64.b64decode(packed), dtype="<f4").astype(np.float64))
