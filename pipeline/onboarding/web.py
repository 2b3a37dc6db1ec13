"""Exports of web analytics whose rows are nested: GA4 in BigQuery, and Matomo's visits. Each becomes flat touchpoints in SQL.

Snowplow's enriched events are flat, without a header: they are told by their words for events, their columns by their values.
All three write UTC.
"""

from typing import Any

__all__ = ["is_snowplow", "web_relation"]

SNOWPLOW_EVENTS = {"page_view", "page_ping", "struct", "unstruct", "transaction", "transaction_item"}

GA4 = """(
    SELECT user_id, user_pseudo_id AS visitor_id,
           (make_timestamp(event_timestamp::BIGINT) AT TIME ZONE 'UTC')::VARCHAR AS occurred_at,
           event_name AS kind, list_filter(event_params, lambda p: p.key = 'page_location')[1].value.string_value AS page
    FROM {rows}
)"""
GA4_FIELDS = """user_id: 'VARCHAR', user_pseudo_id: 'VARCHAR', event_timestamp: 'VARCHAR', event_name: 'VARCHAR',
        event_params: 'STRUCT(key VARCHAR, value STRUCT(string_value VARCHAR))[]'"""
MATOMO = """(
    SELECT user_id, visitor_id, to_timestamp(a.timestamp::BIGINT)::VARCHAR AS occurred_at,
           CASE a.type WHEN 'action' THEN 'page_view' WHEN 'event' THEN lower(concat_ws('_', a.eventCategory, a.eventAction))
           ELSE a.type END AS kind, a.url AS page
    FROM (SELECT userId AS user_id, visitorId AS visitor_id, unnest(actionDetails) AS a
          FROM {rows})
)"""
MATOMO_FIELDS = """userId: 'VARCHAR', visitorId: 'VARCHAR', actionDetails:
              'STRUCT(type VARCHAR, url VARCHAR, timestamp VARCHAR, eventCategory VARCHAR, eventAction VARCHAR)[]'"""
# What a record of each must have, its SQL, and the fields that are read of JSON. Times are UTC.
SHAPES = (
    ("GA4", ("event_timestamp", "event_name", "user_pseudo_id"), GA4, GA4_FIELDS),
    ("Matomo", ("visitorId", "actionDetails"), MATOMO, MATOMO_FIELDS),
)


def web_relation(record: dict[str, Any], where: str, rows: str | None = None) -> tuple[str, str] | None:
    """Give the name of the web analytics that a record comes from and the SQL that makes it flat; None: another file.

    Parameters
    ----------
    record : dict
        The file's first record.
    where : str
        SQL of the file's path.
    rows : str, optional
        SQL of its rows, with their types; otherwise it is JSON.
    """
    for name, fields, sql, read in SHAPES:
        if all(field in record for field in fields):
            return name, sql.format(rows=rows or f"read_json({where}, columns = {{{read}}})")
    return None


def is_snowplow(row: list[str]) -> bool:
    """Whether a row without a header is one of Snowplow's enriched events: it names one, and the platform it came from.

    Examples
    --------
    >>> is_snowplow(["shop", "web", "2026-03-04 10:00:00.123", "page_view", "7d9f1c1e-0000-4000-8000-000000000001"])
    True
    """
    return bool(SNOWPLOW_EVENTS & set(row)) and any(len(field) == 36 and field.count("-") == 4 for field in row)
