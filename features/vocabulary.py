"""The words of the data contract that features, ingest and the service share."""

from typing import Literal, NamedTuple, get_args

__all__ = [
    "BY",
    "CODED_FIELDS",
    "STAGES",
    "TOUCHPOINT_FIELDS",
    "By",
    "Stage",
    "TouchpointField",
    "optional_text_fields",
]

By = Literal["lead", "sales", "system"]
BY: tuple[By, ...] = get_args(By)
"""Who acted in a touchpoint; the order gives the codes of `Journeys.by`."""

Stage = Literal["inquiry", "mql", "sal", "sales_qualified", "disqualified", "recycled", "customer"]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""Where a lead can stand in the CRM; the order gives the columns of the stage features."""


class TouchpointField(NamedTuple):
    """One field of a touchpoint, of whoever did it; declared here once, and read by tables, engines, store and requests.

    Attributes
    ----------
    name : str
        In the data contract, in requests and in the store.
    type : {"text", "moment", "number"}
        Of the values.
    required : bool
        Whether each touchpoint has one.
    coded : bool
        Whether it is dictionary-coded in journeys, and selectors may look at it.
    """

    name: str
    type: Literal["text", "moment", "number"] = "text"
    required: bool = False
    coded: bool = False


TOUCHPOINT_FIELDS: tuple[TouchpointField, ...] = (
    TouchpointField("touchpoint_id"),
    TouchpointField("occurred_at", "moment", required=True),
    TouchpointField("recorded_at", "moment"),
    TouchpointField("kind", required=True, coded=True),
    TouchpointField("channel", coded=True),
    TouchpointField("asset", coded=True),
    TouchpointField("campaign", coded=True),
    TouchpointField("value", "number"),
    TouchpointField("by"),
)
"""In the order of the data contract."""

CODED_FIELDS: tuple[str, ...] = tuple(field.name for field in TOUCHPOINT_FIELDS if field.coded)
"""What selectors' patterns look at; the order is that of their tables."""


def optional_text_fields() -> tuple[str, ...]:
    """Name the coded fields that a touchpoint may lack.

    Examples
    --------
    >>> optional_text_fields()
    ('channel', 'asset', 'campaign')
    """
    return tuple(field.name for field in TOUCHPOINT_FIELDS if field.coded and not field.required)
