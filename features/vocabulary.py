"""The words of the data contract that features, ingest and the service share."""

from typing import Literal, get_args

__all__ = ["BY", "STAGES", "By", "Stage"]

By = Literal["lead", "sales", "system"]
BY: tuple[By, ...] = get_args(By)
"""Who acted in a touchpoint; the order gives the codes of `Journeys.by`."""

Stage = Literal["inquiry", "mql", "sal", "sales_qualified", "disqualified", "recycled", "customer"]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""Where a lead can stand in the CRM; the order gives the columns of the stage features."""
