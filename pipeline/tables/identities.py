"""Anonymous visits: whose they were, from the moment at which somebody found out."""

from pipeline.tables.duckdb import Connection

__all__ = ["join_visits"]


def join_visits(connection: Connection) -> None:
    """Give touchpoints of visitors without a lead the lead that the visitor was identified as.

    A touchpoint belongs to the visitor's newest identification at or before it, else to the first one after it; it is known
    from then on: ``recorded_at = max(recorded_at, identified_at)``. A touchpoint that names its lead keeps it, and one of a
    visitor whom nobody identified stays anonymous. Works on `checked_touchpoints`, from the good rows of `checked_identities`.
    """
    connection.execute(
        """UPDATE checked_touchpoints t
        SET lead_id = i.lead_id, recorded_at = greatest(coalesce(t.recorded_at, t.occurred_at), i.identified_at)
        FROM (
            SELECT visitor_id, lead_id, identified_at,
                   if(row_number() OVER visits = 1, '-infinity'::TIMESTAMPTZ, identified_at) AS visits_from,
                   lead(identified_at, 1, 'infinity'::TIMESTAMPTZ) OVER visits AS visits_until
            FROM checked_identities WHERE _reason IS NULL
            WINDOW visits AS (PARTITION BY visitor_id ORDER BY identified_at, lead_id)
        ) i
        WHERE t.lead_id IS NULL AND t.visitor_id = i.visitor_id
          AND t.occurred_at >= i.visits_from AND t.occurred_at < i.visits_until"""
    )
