"""Who objected to being scored, as events said it, and whom the service erased."""

import sqlalchemy as sa

from serving.store import schema

__all__ = ["erased_hashes", "objected_leads"]


def objected_leads(connection: sa.Connection) -> set[str]:
    """List the leads whose newest word is an objection, with all leads that they were merged with: they are one person.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store`.
    """
    table = schema.objections
    newest: dict[str, tuple[int, bool]] = {}
    for lead_id, state, occurred_at in connection.execute(
        sa.select(table.c.lead_id, table.c.state, table.c.occurred_at)
    ):
        said = (int(occurred_at), state == "objected")  # of one moment, the objection holds
        newest[lead_id] = max(said, newest.get(lead_id, said))
    objected = {lead_id for lead_id, (_, is_objection) in newest.items() if is_objection}
    if not objected:
        return objected
    merges = connection.execute(sa.select(schema.merged_leads.c.lead_id, schema.merged_leads.c.merged_into)).all()
    while True:
        joined = {name for pair in merges if objected & {*pair} for name in pair if name not in newest}
        if joined <= objected:
            return objected
        objected |= joined


def erased_hashes(connection: sa.Connection) -> set[tuple[str, str]]:
    """List whom the service erased: the id of a suppression key, and the hash of the lead's id under it."""
    table = schema.erased_leads
    return {
        (key_id, lead_hash) for key_id, lead_hash in connection.execute(sa.select(table.c.key_id, table.c.lead_hash))
    }
