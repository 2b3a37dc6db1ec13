"""Parameters of the features: what `params.yaml` may say under `features`, and what a bundle stores of it."""

from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from features.operations import SELECTOR_OPERATIONS, Group
from features.vocabulary import By

__all__ = ["BuyerProfileParams", "ContentParams", "Engine", "FeaturesParams", "Label", "SelectorParams", "TimeZone"]


Engine = Literal["local", "spark"]
"""Where features are computed: on this machine, or on a cluster."""


MOST_DAYS = 36_600


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone; use a name such as Europe/Berlin or UTC") from error
    return name


TimeZone: TypeAlias = Annotated[str, AfterValidator(_known_zone)]
"""A name of the IANA time zone database."""


def _selector_operation(name: str) -> str:
    if name not in SELECTOR_OPERATIONS:
        raise ValueError(f"{name!r} is no operation of a selector; allowed are {', '.join(SELECTOR_OPERATIONS)}")
    return name


SelectorOperation = Annotated[str, AfterValidator(_selector_operation)]
"""One of `SELECTOR_OPERATIONS`."""


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
    a named one never matches a missing value. `operations` says what is measured of them; None: `features.operations`, for
    the selector `all` every operation. `label` and `did` are its words; see `features.wording`.
    """

    kind: tuple[str, ...] | None = None
    channel: tuple[str, ...] | None = None
    asset: tuple[str, ...] | None = None
    campaign: tuple[str, ...] | None = None
    by: tuple[By, ...] = ("lead",)
    label: Label | None = None
    did: Label | None = None
    operations: tuple[SelectorOperation, ...] | None = None


class ContentParams(Frozen):
    """Selectors whose touchpoints show how deep a lead is in: a first look, weighing up, deciding. The deepest counts."""

    awareness: tuple[str, ...] = ()
    consideration: tuple[str, ...] = ()
    decision: tuple[str, ...] = ()


class BuyerProfileParams(Frozen):
    """How the buyer profile is fitted on training rows.

    A touchpoint's state is its kind and channel; a state of fewer than `min_leads` training leads is `other`. `prior`
    touchpoints at the pooled rate are added to each count, which keeps what was seldom seen from saying much. The profile of a
    training row is fitted without its own account, in `folds` parts. States that at least `milestone_share` of the buyers have
    are milestones.
    """

    min_leads: int = Field(default=30, ge=1)
    prior: float = Field(default=10.0, gt=0.0)
    folds: int = Field(default=5, ge=2, le=50)
    milestone_share: float = Field(default=0.2, gt=0.0, le=1.0)


class FeaturesParams(Frozen):
    """The `features` section. Days are periods of 24 hours back from the snapshot."""

    engine: Engine = "local"
    observation_days: int = Field(ge=1, le=3660)
    windows_days: tuple[int, ...]
    long_windows_days: tuple[int, ...] = ()
    half_lives_days: tuple[int, ...]
    groups: tuple[Group, ...]
    operations: tuple[SelectorOperation, ...] = ("count", "decayed_count", "days_since_last")
    use_known_at_export: bool = False
    min_category_rows: int = Field(default=20, ge=1)
    selectors: dict[str, SelectorParams]
    automatic_min_leads: int | None = Field(default=None, ge=1)
    time_zone: TimeZone = "UTC"
    working_hours: tuple[int, int] = (8, 18)
    visit_minutes: int = Field(default=30, ge=1, le=1440)
    pause_days: int = Field(default=14, ge=1, le=MOST_DAYS)
    content: ContentParams = ContentParams()
    sequences: tuple[tuple[str, str], ...] = ()
    role_attribute: str | None = None
    buyer_profile: BuyerProfileParams = BuyerProfileParams()

    @field_validator("engine", mode="before")
    @classmethod
    def _renamed_engine(cls, name: object) -> object:
        if name == "duckdb":
            raise ValueError(
                "the engine of this machine is called local, no longer duckdb; write features.engine: local"
            )
        return name

    @model_validator(mode="after")
    def _windows_within_observation(self) -> "FeaturesParams":
        for field in ("windows_days", "long_windows_days"):
            windows: tuple[int, ...] = getattr(self, field)
            for days in windows:
                if not 1 <= days <= self.observation_days:
                    raise ValueError(
                        f"{field}: {days} is not within 1..observation_days ({self.observation_days}); "
                        "shorten the window or lengthen observation_days"
                    )
            if len(set(windows)) != len(windows):
                raise ValueError(f"{field}: {list(windows)} repeats a value; name each window once")
        for days in self.half_lives_days:
            if not 1 <= days <= MOST_DAYS:
                raise ValueError(f"half_lives_days: {days} is not a number of days from 1 to {MOST_DAYS}")
        if not 0 <= self.working_hours[0] < self.working_hours[1] <= 24:
            raise ValueError(
                f"working_hours: {list(self.working_hours)} is not a pair of hours 0 <= from < until <= 24"
            )
        return self

    @model_validator(mode="after")
    def _selectors_exist(self) -> "FeaturesParams":
        content = (*self.content.awareness, *self.content.consideration, *self.content.decision)
        for field, names in (
            ("content", content),
            ("sequences", tuple(name for pair in self.sequences for name in pair)),
        ):
            unknown = sorted(set(names) - {"all", *self.selectors})
            if unknown:
                raise ValueError(
                    f"{field}: no selector is called {unknown[0]!r}; name one of {', '.join(self.selectors)}"
                )
        return self
