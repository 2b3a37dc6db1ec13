"""Exports of web analytics whose rows are nested: GA4 in BigQuery, and Matomo's visits. Each becomes flat touchpoints in SQL.

Snowplow's enriched events are flat, without a header: they are recognised by their values.
"""

from typing import Any

__all__ = ["WEB_COLUMNS", "web_relation"]

WEB_COLUMNS = ("user_id", "visitor_id", "occurred_at", "kind", "page")

GA4 = """(
    SELECT user_id, user_pseudo_id AS visitor_id, make_timestamp(event_timestamp::BIGINT)::VARCHAR AS occurred_at,
           event_name AS kind, list_filter(event_params, lambda p: p.key = 'page_location')[1].value.string_value AS page
    FROM read_json({where}, columns = {{user_id: 'VARCHAR', user_pseudo_id: 'VARCHAR', event_timestamp: 'VARCHAR',
        event_name: 'VARCHAR', event_params: 'STRUCT(key VARCHAR, value STRUCT(string_value VARCHAR))[]'}})
)"""
MATOMO = """(
    SELECT user_id, visitor_id, make_timestamp(a.timestamp::BIGINT * 1000000)::VARCHAR AS occurred_at,
           CASE a.type WHEN 'action' THEN 'page_view' WHEN 'event' THEN lower(concat_ws('_', a.eventCategory, a.eventAction))
           ELSE a.type END AS kind, a.url AS page
    FROM (SELECT userId AS user_id, visitorId AS visitor_id, unnest(actionDetails) AS a
          FROM read_json({where}, columns = {{userId: 'VARCHAR', visitorId: 'VARCHAR', actionDetails:
              'STRUCT(type VARCHAR, url VARCHAR, timestamp VARCHAR, eventCategory VARCHAR, eventAction VARCHAR)[]'}}))
)"""
# What a record of each must have, and its SQL. Times are UTC.
SHAPES = (
    ("GA4", ("event_timestamp", "event_name", "user_pseudo_id"), GA4),
    ("Matomo", ("visitorId", "actionDetails"), MATOMO),
)


def web_relation(record: dict[str, Any], where: str) -> tuple[str, str] | None:
    """Give the name of the web analytics that a record comes from and the SQL that makes it flat; None: another file.

    Parameters
    ----------
    record : dict
        The file's first record.
    where : str
        SQL of the file's path.
    """
    return next(
        ((name, sql.format(where=where)) for name, fields, sql in SHAPES if all(field in record for field in fields)), None
    )
