"""Figures that analyses share: a value with its interval, a rate with its counts. All are plain JSON values."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["Absence", "Absent", "Content", "Count", "Estimate", "Figures", "Name", "Rate", "Shortage"]

Count = Annotated[int, Field(ge=0)]
Name = Annotated[str, StringConstraints(max_length=300)]
"""A name out of the company's data: a campaign, a country, a rule. Templates escape it."""

Shortage = Literal["too_few", "one_outcome", "not_separable", "not_known"]
"""Why a figure is missing: too few leads, all with the same outcome, no like to compare with, or no data at all."""


class Figures(BaseModel):
    """Base of every part of an analysis: immutable, an unknown name is an error, no number is infinite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Estimate(Figures):
    """A value with its 95 % interval; missing ends: no interval can be given."""

    value: float | None
    low: float | None = None
    high: float | None = None


class Rate(Figures):
    """A share of counted leads with its 95 % interval; missing: there is nobody to count, or too few to say."""

    count: Count
    of: Count
    value: float | None
    low: float | None = None
    high: float | None = None


Absence = Literal["no_points_table", "no_mqls", "no_clock", "no_touchpoints", "too_few"]
"""Why an analysis could not be made of these data; its sentence stands in `templates/absent.html`."""


class Content(Figures):
    """What every analysis says of itself.

    Attributes
    ----------
    version : int
        Of the schema; another one is refused.
    source : str
        Of the canonical tables.
    exported_at : datetime
        Nothing at or after it is known.
    """

    version: Literal[1] = 1
    source: Name
    exported_at: AwareDatetime


class Absent(Content):
    """Stands where an analysis could not be made of these data."""

    absent: Absence
