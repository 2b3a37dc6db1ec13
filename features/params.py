"""Parameters of the features: what `params.yaml` may say under `features`, and what a bundle stores of it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from features.vocabulary import By

__all__ = ["FeaturesParams", "Label", "SelectorParams"]


class Frozen(BaseModel):
    """Base of every parameter section: immutable, and an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Label(Frozen):
    """Plain words for reasons and reports, in English and German."""

    en: str
    de: str


class SelectorParams(Frozen):
    """Which touchpoints a selector picks: those where every named field matches one of its patterns.

    Patterns are case-sensitive with ``*`` and ``?``. A field that is not named matches everything, missing included;
    a named one never matches a missing value.
    """

    kind: tuple[str, ...] | None = None
    channel: tuple[str, ...] | None = None
    asset: tuple[str, ...] | None = None
    campaign: tuple[str, ...] | None = None
    by: tuple[By, ...] = ("lead",)
    label: Label | None = None


class FeaturesParams(Frozen):
    """The `features` section. Days are periods of 24 hours back from the snapshot."""

    engine: Literal["duckdb"] = "duckdb"
    observation_days: int = Field(ge=1, le=3660)
    windows_days: tuple[int, ...]
    half_lives_days: tuple[int, ...]
    groups: tuple[Literal["engagement", "stages", "attributes"], ...]
    use_known_at_export: bool = False
    min_category_rows: int = Field(default=20, ge=1)
    selectors: dict[str, SelectorParams]

    @model_validator(mode="after")
    def _windows_within_observation(self) -> "FeaturesParams":
        for days in self.windows_days:
            if not 1 <= days <= self.observation_days:
                raise ValueError(
                    f"windows_days: {days} is not within 1..observation_days ({self.observation_days}); "
                    "shorten the window or lengthen observation_days"
                )
        if len(set(self.windows_days)) != len(self.windows_days):
            raise ValueError(f"windows_days: {list(self.windows_days)} repeats a value; name each window once")
        for days in self.half_lives_days:
            if days < 1:
                raise ValueError(f"half_lives_days: {days} is not a positive number of days")
        return self
