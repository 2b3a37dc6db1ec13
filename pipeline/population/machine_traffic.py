"""Touchpoints that no person made: leads with a machine's volume, and what scanners and proxies do with mails.

They are counted and named, never removed: what is a machine is for the source to say (docs/your-own-data.md).
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.answers.limits import MAX_TOUCHPOINTS
from pipeline.tables.duckdb import Connection, connect, text_literal

__all__ = [
    "AT_ONCE_SECONDS",
    "DAY_VOLUME",
    "LINKS",
    "TIMES_THE_OTHERS",
    "YEAR_DAYS",
    "BusyLead",
    "MachineTraffic",
    "MailTraffic",
    "machine_traffic",
]

YEAR_DAYS = 365
DAY_VOLUME = 1_000
"""A page every 30 seconds for more than eight hours."""
TIMES_THE_OTHERS = 10
"""So many times all that nine of ten leads ever did, one day must hold. Of 60,000 simulated leads the busiest day holds 54
touchpoints and nine of ten have at most 111 in all; of a wholesaler's customers 24 and 11, of a tool's users 1 and 53."""
AT_ONCE_SECONDS = 10
"""Gateways load and click within seconds of delivery; a person has to see the mail first."""
LINKS = 3
"""So many different links of one mail within `AT_ONCE_SECONDS`; a double click is one link."""


ANSWERS = ("mail_open", "mail_click")
SENDINGS = ("mail_sent", "mail_delivered")
_AT_ONCE = f"INTERVAL {AT_ONCE_SECONDS} SECONDS"
_CAMPAIGN = "coalesce(campaign, '') AS campaign"

# Clicks within a span of `AT_ONCE_SECONDS` with `LINKS` different assets; a span begins at a click and holds what follows it.
_BURSTS = f"""
WITH clickers AS (
    SELECT lead_id, {_CAMPAIGN} FROM touchpoints WHERE kind = 'mail_click' AND asset IS NOT NULL GROUP BY ALL
    HAVING count(DISTINCT asset) >= {LINKS}
),
clicks AS (
    SELECT touchpoint_id, lead_id, {_CAMPAIGN}, occurred_at, asset FROM touchpoints WHERE kind = 'mail_click'
),
spans AS (
    SELECT *, count(DISTINCT asset) OVER (
        PARTITION BY lead_id, campaign ORDER BY occurred_at RANGE BETWEEN CURRENT ROW AND {_AT_ONCE} FOLLOWING
    ) AS links
    FROM clicks SEMI JOIN clickers USING (lead_id, campaign)
)
SELECT touchpoint_id FROM spans QUALIFY max(links) OVER (
    PARTITION BY lead_id, campaign ORDER BY occurred_at RANGE BETWEEN {_AT_ONCE} PRECEDING AND CURRENT ROW
) >= {LINKS}
"""

# Opens and clicks with the last sending before them.
_ANSWERED = f"""
WITH sent AS (SELECT lead_id, {_CAMPAIGN}, occurred_at FROM touchpoints WHERE kind IN {SENDINGS}),
answers AS (
    SELECT touchpoint_id, kind, lead_id, {_CAMPAIGN}, occurred_at FROM touchpoints WHERE kind IN {ANSWERS}
)
SELECT a.touchpoint_id, a.kind, a.occurred_at <= s.occurred_at + {_AT_ONCE} AS at_once
FROM answers a ASOF JOIN sent s
ON a.lead_id = s.lead_id AND a.campaign = s.campaign AND a.occurred_at >= s.occurred_at
"""


@dataclass(frozen=True)
class BusyLead:
    """A lead with a machine's volume.

    Attributes
    ----------
    lead_id : str
    touchpoints : int
        All that are known.
    in_window : int
        Most within any `window_days` days.
    busiest_day : str
        ISO date in UTC; empty where times are only an order.
    on_busiest_day : int
    """

    lead_id: str
    touchpoints: int
    in_window: int
    busiest_day: str
    on_busiest_day: int


@dataclass(frozen=True)
class MailTraffic:
    """Opens and clicks of mails, and how many of them a machine made.

    Attributes
    ----------
    opens, clicks : int
        Touchpoints of kind ``mail_open`` and ``mail_click`` that belong to a lead.
    comparable_opens : int
        Opens of which it is known when the mail was sent: a touchpoint ``mail_sent`` or ``mail_delivered`` of the same lead and
        campaign at or before them. Of the others nobody can tell.
    opens_at_once : int
        Within `AT_ONCE_SECONDS` of the sending.
    clicks_at_once : int
        The same for clicks.
    clicks_in_bursts : int
        Among `LINKS` or more different assets of one campaign that one lead clicked within `AT_ONCE_SECONDS`.
    machine_clicks : int
        One or the other.
    """

    opens: int
    clicks: int
    comparable_opens: int
    opens_at_once: int
    clicks_at_once: int
    clicks_in_bursts: int
    machine_clicks: int


@dataclass(frozen=True)
class MachineTraffic:
    """What of the touchpoints no person made.

    Attributes
    ----------
    leads : tuple of BusyLead
        Busiest first.
    mails : MailTraffic
    """

    leads: tuple[BusyLead, ...]
    mails: MailTraffic

    def counts(self) -> dict[str, Any]:
        """Give plain numbers without a lead's id, for files that are kept in git."""
        touchpoints = sum(lead.touchpoints for lead in self.leads)
        return {"busy_leads": len(self.leads), "their_touchpoints": touchpoints, "mails": asdict(self.mails)}


def machine_traffic(canonical: Path, window_days: int = YEAR_DAYS, *, ordinal: bool = False) -> MachineTraffic:
    """Find leads with a machine's volume, and count what machines do with mails.

    A lead is named when it has more than `MAX_TOUCHPOINTS` within some `window_days` days: no request takes so many. Or when
    one day (UTC) holds at least `DAY_VOLUME` of its touchpoints, and more than `TIMES_THE_OTHERS` times what nine of ten leads
    have in all; the busiest lead is not among those nine, however few there are.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    window_days : int
        How far back a model looks.
    ordinal : bool
        Times are only an order: all of a lead's touchpoints count as one window, and nothing else is judged.
    """
    file = canonical / "touchpoints.parquet"
    if not file.exists():
        return MachineTraffic((), MailTraffic(0, 0, 0, 0, 0, 0, 0))
    with connect() as connection:
        connection.execute(
            f"CREATE VIEW touchpoints AS SELECT * FROM read_parquet({text_literal(file)}) WHERE lead_id IS NOT NULL"
        )
        return MachineTraffic(_busy_leads(connection, window_days, ordinal), _mails(connection, ordinal))


def _busy_leads(connection: Connection, window_days: int, ordinal: bool) -> tuple[BusyLead, ...]:
    """Look at the days of those few leads only that have enough touchpoints for either rule."""
    connection.execute("CREATE TEMP TABLE volumes AS SELECT lead_id, count(*) AS total FROM touchpoints GROUP BY 1")
    if ordinal:
        found = connection.execute(
            f"SELECT lead_id, total, total, '', 0 FROM volumes WHERE total > {MAX_TOUCHPOINTS} ORDER BY total DESC, lead_id"
        ).fetchall()
        return tuple(BusyLead(*row) for row in found)
    found = connection.execute(
        f"""
        WITH ranked AS (SELECT total, row_number() OVER (ORDER BY total DESC) AS place, count(*) OVER () AS leads FROM volumes),
        usual AS (SELECT max(total) AS most FROM ranked WHERE place > greatest(1, ceil(0.1 * leads))),
        times AS (
            SELECT lead_id, occurred_at FROM touchpoints SEMI JOIN (SELECT * FROM volumes WHERE total >= {DAY_VOLUME}) v
            USING (lead_id)
        ),
        days AS (SELECT lead_id, occurred_at::DATE AS day, count(*) AS touchpoints FROM times GROUP BY ALL),
        busiest AS (
            SELECT lead_id, max(touchpoints) AS on_day, arg_max(day, (touchpoints, day)) AS day FROM days GROUP BY 1
        ),
        windows AS (
            SELECT lead_id, count(*) OVER (
                PARTITION BY lead_id ORDER BY occurred_at RANGE BETWEEN INTERVAL {window_days} DAYS PRECEDING AND CURRENT ROW
            ) AS touchpoints
            FROM times SEMI JOIN (SELECT * FROM volumes WHERE total > {MAX_TOUCHPOINTS}) v USING (lead_id)
        ),
        fullest AS (SELECT lead_id, max(touchpoints) AS in_window FROM windows GROUP BY 1)
        SELECT lead_id, total, coalesce(in_window, total), day::VARCHAR, on_day
        FROM volumes JOIN busiest USING (lead_id) LEFT JOIN fullest USING (lead_id), usual
        WHERE in_window > {MAX_TOUCHPOINTS} OR (on_day >= {DAY_VOLUME} AND on_day > {TIMES_THE_OTHERS} * most)
        ORDER BY total DESC, lead_id
        """
    ).fetchall()
    return tuple(BusyLead(*row) for row in found)


def _mails(connection: Connection, ordinal: bool) -> MailTraffic:
    count = dict(
        connection.execute(
            f"SELECT kind, count(*) FROM touchpoints WHERE kind IN {(*ANSWERS, *SENDINGS)} GROUP BY 1"
        ).fetchall()
    )
    opens, clicks = (count.get(kind, 0) for kind in ANSWERS)
    if ordinal:
        return MailTraffic(opens, clicks, 0, 0, 0, 0, 0)
    connection.execute(f"CREATE TEMP TABLE machine_clicks AS {_BURSTS}")
    in_bursts = connection.execute("SELECT count(*) FROM machine_clicks").fetchone() or (0,)
    comparable = opens_at_once = clicks_at_once = 0
    if any(count.get(kind) for kind in SENDINGS):
        connection.execute(f"CREATE TEMP TABLE answered AS {_ANSWERED}")
        comparable, opens_at_once, clicks_at_once = connection.execute(
            """SELECT count(*) FILTER (kind = 'mail_open'), count(*) FILTER (kind = 'mail_open' AND at_once),
               count(*) FILTER (kind = 'mail_click' AND at_once) FROM answered"""
        ).fetchone() or (0, 0, 0)
        connection.execute(
            "INSERT INTO machine_clicks SELECT touchpoint_id FROM answered WHERE kind = 'mail_click' AND at_once"
        )
    either = connection.execute("SELECT count(DISTINCT touchpoint_id) FROM machine_clicks").fetchone() or (0,)
    return MailTraffic(opens, clicks, comparable, opens_at_once, clicks_at_once, *in_bursts, *either)
