"""Parameters of the model side: splits, training, calibration, tiers, capacity, points, metrics, publishing."""

import datetime as dt
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from features.params import Frozen

__all__ = [
    "CalibrationParams",
    "CapacityParams",
    "CostsParams",
    "DecayStep",
    "DecisionParams",
    "EvaluateParams",
    "MonitorParams",
    "PointsParams",
    "PublishParams",
    "ServingParams",
    "SplitParams",
    "SplitSection",
    "TiersParams",
    "TimingParams",
    "TrainParams",
    "TreeParams",
    "TuningParams",
]

Share = Field(ge=0.0, le=1.0)

Value = TypeVar("Value")
Auto = Annotated[Value | None, BeforeValidator(lambda value: None if value == "auto" else value)]
"""A value, or None, in YAML also `auto`: decided from the data."""


class SplitParams(Frozen):
    """Which snapshots train, stop, calibrate and test, with every setting decided. Dates are 00:00 UTC of that day.

    The stage `split` makes it of the section `split` (`SplitSection`) and writes it to `metrics/split.json`, where the later
    stages find it.
    """

    mode: Literal["grouped", "time"] = "grouped"
    train_from: dt.date | None = None
    test_from: dt.date | None = None
    test_until: dt.date | None = None
    test_share: float = Field(default=0.25, gt=0.0, lt=1.0)
    label_purge: bool = True
    early_stopping_share: float = Share
    calibration_share: float = Share
    cross_fit_folds: int = Field(default=0, ge=0, le=20)
    cross_fit_by: Literal["time", "account"] = "time"
    cross_fit_purge: bool = True

    @model_validator(mode="after")
    def _slices_fit(self) -> "SplitParams":
        if self.cross_fit_by == "account" and self.cross_fit_folds == 1:
            raise ValueError("cross_fit_folds: 1 fold by account leaves nothing to fit on; use at least 2")
        if self.early_stopping_share + self.calibration_share >= 0.8:
            raise ValueError("early_stopping_share + calibration_share must stay below 0.8; training needs the rest")
        return self


class SplitSection(Frozen):
    """The `split` section. `auto` (or null) is decided by the stage `split` from the history; a value is honoured.

    See `models.fitting.split_plan` for how. `test_share` plays no part where `test_from` is set.
    """

    mode: Auto[Literal["grouped", "time"]] = None
    train_from: dt.date | None = None
    test_from: dt.date | None = None
    test_until: dt.date | None = None
    test_share: Auto[float] = Field(default=None, gt=0.0, lt=1.0)
    label_purge: Auto[bool] = None
    early_stopping_share: float = Share
    calibration_share: float = Share
    cross_fit_folds: Auto[int] = Field(default=None, ge=0, le=20)
    cross_fit_purge: Auto[bool] = None
    cross_fit_by: Auto[Literal["time", "account"]] = None

    @model_validator(mode="after")
    def _decided_values_fit(self) -> "SplitSection":
        self.decided()
        return self

    def decided(self, **settings: Any) -> SplitParams:
        """Fill in what was left open; what neither says has the default of `SplitParams`."""
        given = {name: value for name, value in self.model_dump().items() if value is not None}
        return SplitParams(**{**settings, **given})


class TreeParams(Frozen):
    """LightGBM's parameters of a tree, under LightGBM's names; `num_threads` fits run at once, on one thread each."""

    seed: int = 7
    num_threads: int = Field(default=2, ge=1)
    num_leaves: int = Field(default=15, ge=2, le=1024)
    min_data_in_leaf: int = Field(default=40, ge=1)
    feature_fraction: float = Field(default=0.6, gt=0.0, le=1.0)
    bagging_fraction: float = Field(default=0.8, gt=0.0, le=1.0)
    lambda_l2: float = Field(default=5.0, ge=0.0)


class TrainParams(TreeParams):
    """The `train` section: the trees, and how many.

    `population_rate` is the share of positives at the moments that the headline metrics look at, where the rows are a sample
    with more of one class; None: the rows are as they occur.
    """

    population_rate: float | None = Field(default=None, gt=0.0, lt=1.0)
    learning_rate: float = Field(default=0.03, gt=0.0, le=1.0)
    max_rounds: int = Field(default=1500, ge=1)
    early_stopping_rounds: int = Field(default=60, ge=1)


class ServingParams(Frozen):
    """The `serving` section: what an answer may take. `reason_budget_ms` is of one row's exact reasons, on one processor."""

    reason_budget_ms: float = Field(default=0.6, gt=0.0)


class TuningParams(Frozen):
    """The `tuning` section: how parameters of `train` are searched for.

    `folds` are time-ordered folds of the rows before the test, unless `split.cross_fit_folds` says how many; `max_rounds` is of
    every trial; the first `startup_trials` are drawn at random and none of them is pruned.
    """

    folds: int = Field(default=4, ge=2, le=20)
    minutes: float = Field(default=10.0, gt=0.0)
    max_rounds: int = Field(default=1500, ge=1)
    startup_trials: int = Field(default=8, ge=1)
    seed: int = 17


class CalibrationParams(Frozen):
    """The `calibration` section. `interval` is the nominal coverage of a probability's interval.

    `halves` is the number of half-samples behind the classifier's own uncertainty. A probability whose interval is wider than
    `widest` is not given: there is too little data to tell.
    """

    method: Literal["auto", "identity", "sigmoid", "beta", "isotonic"] = "auto"
    interval: float = Field(default=0.9, gt=0.0, lt=1.0)
    bootstrap: int = Field(default=200, ge=20)
    halves: int = Field(default=12, ge=4, multiple_of=2)
    widest: float = Field(default=0.6, gt=0.0, le=1.0)


class TiersParams(Frozen):
    """The `tiers` section: shares of a day's list for tiers A, B and C, best first; D takes the rest."""

    A: float = Share
    B: float = Share
    C: float = Share

    @model_validator(mode="after")
    def _sum_below_one(self) -> "TiersParams":
        if self.A + self.B + self.C > 1.0:
            raise ValueError(f"tiers: A + B + C is {self.A + self.B + self.C:.3f}; it must be at most 1")
        return self


class CapacityParams(Frozen):
    """The `capacity` section: leads that sales can work, per week or as a share. Exactly one is set."""

    share: float | None = Field(default=None, gt=0.0, le=1.0)
    leads_per_week: float | None = Field(default=None, gt=0.0)

    @model_validator(mode="after")
    def _exactly_one(self) -> "CapacityParams":
        if (self.share is None) == (self.leads_per_week is None):
            raise ValueError("capacity: set exactly one of share and leads_per_week, and the other to null")
        return self


class TimingParams(Frozen):
    """The `timing` section: when to hand over.

    The chance of a contact is that of a qualification in [contact, contact + horizon_days). A lead is held while waiting
    raises its chance by the share `hold`, and by as much more per week waited, until `hold_days` after it was queued. Below
    `min_calls` first contacts with a known outcome, or `min_pairs` weeks that leads went through without a call, nothing is
    said. Nobody is looked at longer than `queue_days`. The price of a slot counts for `price_days`. `within_week` says what a
    lead counts that is called within the week, see `models.fitting.timing.Censoring`. `trees` are its own, so that trying
    out those of `train` leaves the advice as it is.
    """

    horizon_days: int = Field(default=60, ge=1, le=3_660)
    hold: float = Field(default=0.02, ge=0.0, le=10.0)
    hold_days: int = Field(default=28, ge=0, le=3_660)
    min_calls: int = Field(default=300, ge=1)
    min_pairs: int = Field(default=300, ge=1)
    price_days: int = Field(default=8, ge=1, le=3_660)
    queue_days: int = Field(default=70, ge=14, le=3_660)
    folds: int = Field(default=4, ge=2, le=20)
    within_week: Literal["weights", "at_call"] = "weights"
    trees: TreeParams = TreeParams()


class CostsParams(Frozen):
    """The `decision.costs` section, as shares of what a qualification is worth: of a contact, of one that came too early."""

    contact: float = Field(default=0.0, ge=0.0, le=1.0)
    too_early: float = Field(default=0.0, ge=0.0, le=1.0)


class DecisionParams(Frozen):
    """The `decision` section: costs, and the share of leads near the boundary that get a random week of contact."""

    costs: CostsParams = CostsParams()
    explore_share: float = Field(default=0.0, ge=0.0, le=0.5)


class DecayStep(Frozen):
    """From which age on, in days, points count only a share."""

    after_days: int = Field(ge=1)
    share: float = Field(ge=0.0, lt=1.0)


class PointsParams(Frozen):
    """The `points` section: the company's own points table. Keys name selectors of `features.selectors`.

    `decay` are steps by which points lose weight with age; without them all points within `features.observation_days` count in
    full.
    """

    interactions: dict[str, float]
    mql_threshold: float
    decay: tuple[DecayStep, ...] = ()

    @model_validator(mode="after")
    def _in_steps(self) -> "PointsParams":
        for before, after in pairwise(self.decay):
            if not (before.after_days < after.after_days and before.share > after.share):
                raise ValueError(
                    f"points.decay: the step after {after.after_days} days has share {after.share} and follows the step after "
                    f"{before.after_days} days with {before.share}; days must rise and shares fall"
                )
        return self

    def windows(self, observation_days: int) -> tuple[tuple[int, float], ...]:
        """Give the table as windows back from a moment, each with the share of the points that counts over all of it.

        Parameters
        ----------
        observation_days : int
            How far back points count; a step that begins there or later says nothing.

        Examples
        --------
        >>> steps = (DecayStep(after_days=28, share=0.5), DecayStep(after_days=90, share=0.25))
        >>> PointsParams(interactions={}, mql_threshold=1, decay=steps).windows(365)
        ((28, 0.5), (90, 0.25), (365, 0.25))
        """
        steps = [step for step in self.decay if step.after_days < observation_days]
        shares = [1.0, *(step.share for step in steps), 0.0]
        days = [*(step.after_days for step in steps), observation_days]
        return tuple((window, shares[place] - shares[place + 1]) for place, window in enumerate(days))


class EvaluateParams(Frozen):
    """The `evaluate` section: how metrics get their intervals."""

    bootstrap: int = Field(default=500, ge=20)
    ece_bins: int = Field(default=10, ge=2)
    seed: int = 11


class PublishParams(Frozen):
    """The `publish` section: the gate between a challenger and the champion, and where lists point to.

    `lead_link` is the address of a lead in the CRM, with ``{lead_id}`` in it.
    """

    model_name: str = "lead-qualification"
    lead_link: str | None = Field(default=None, pattern=r"^https?://[^{}]*\{lead_id\}[^{}]*$")
    margin: float = Field(default=0.002, ge=0.0)
    min_positives: int = Field(default=50, ge=1)
    min_auc: float = Field(default=0.55, ge=0.5, lt=1.0)
    permutations: int = Field(default=999, ge=99)


class MonitorParams(Frozen):
    """The `monitor` section: from when on live rows say that a model should be trained anew."""

    months: int = Field(default=3, ge=1)
    min_rows: int = Field(default=100, ge=10)
    min_positives: int = Field(default=30, ge=5)
    psi_watch: float = Field(default=0.1, gt=0.0)
    psi_alarm: float = Field(default=0.25, gt=0.0)
    importance: float = Field(default=0.02, ge=0.0, le=1.0)
    calibration_gap: float = Field(default=0.15, ge=0.0, lt=1.0)
    max_age_days: int = Field(default=365, ge=1)
    unknown_share: float = Field(default=0.05, ge=0.0, le=1.0)
    bootstrap: int = Field(default=300, ge=20)
    seed: int = 17

    @model_validator(mode="after")
    def _in_order(self) -> "MonitorParams":
        if self.psi_watch > self.psi_alarm:
            raise ValueError(f"psi_watch is {self.psi_watch}, above psi_alarm ({self.psi_alarm}); it must not be")
        return self
