"""`params.yaml`, read once into frozen sections; the only importer of yaml.

A stage names in its ``SECTIONS`` the sections that it takes, or keys of one, as ``train.seed``: what it did not name it can't
read. A contract test holds `dvc.yaml` to the same list.
"""

import datetime as dt
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AwareDatetime, Field, ValidationError, create_model, model_validator

from features.errors import ParameterError
from features.params import FeaturesParams, Frozen, TimeZone
from features.vocabulary import Stage
from models.data_protection.pseudonyms import Ids
from models.params import (
    CalibrationParams,
    CapacityParams,
    DecisionParams,
    EvaluateParams,
    MonitorParams,
    PointsParams,
    PublishParams,
    ServingParams,
    SplitSection,
    TiersParams,
    TimingParams,
    TrainParams,
    TuningParams,
)

__all__ = [
    "AuditParams",
    "CrmAttribute",
    "CrmFields",
    "CrmParams",
    "FunnelParams",
    "HubSpotParams",
    "IngestParams",
    "LabelsParams",
    "MemorisationParams",
    "Params",
    "PathsParams",
    "PersonasParams",
    "PrivacyParams",
    "Purchase",
    "SalesforceParams",
    "SegmentsParams",
    "SimulatorParams",
    "SnapshotsParams",
    "dump_yaml",
    "load_params",
    "read_yaml",
]

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser where PyYAML was built with it: ten times as quick, and each stage reads `params.yaml`, some `dvc.lock`."""

Purchase = Literal["again", "more", "new_product"]


class PathsParams(Frozen):
    """The `paths` section: folders, relative to the working directory."""

    data_dir: Path = Path("data")
    metrics_dir: Path = Path("metrics")
    plots_dir: Path = Path("plots")
    reports_dir: Path = Path("reports")


Share = Annotated[float, Field(ge=0.0, le=1.0)]


class IngestParams(Frozen):
    """The `ingest` section: which source to read, from where, when it was exported, and how many bad rows are bearable.

    `exported_at` (with a zone) goes before what the source says of the export's moment. `max_bad_share` is one share for every
    table, or a mapping from tables to shares, with `default` for the others; a table's may be a mapping from reasons to shares,
    with `default` for the sum of the other reasons.
    """

    source: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    raw_dir: str
    exported_at: AwareDatetime | None = None
    max_bad_share: Share | dict[str, Share | dict[str, Share]] = 0.02

    @model_validator(mode="after")
    def _default_is_a_share(self) -> Self:
        if isinstance(self.max_bad_share, dict) and isinstance(self.max_bad_share.get("default"), dict):
            raise ValueError("max_bad_share: `default` is a share between 0 and 1, not a mapping")
        return self

    @property
    def bad_shares(self) -> float | dict[str, float | dict[str, float]]:
        """`max_bad_share` with a default in every mapping."""
        if not isinstance(self.max_bad_share, dict):
            return self.max_bad_share
        return {"default": 0.02, **self.max_bad_share}


PULLED = ("hubspot", "salesforce")
"""Sources that `pull_crm` fills: real persons, whom nobody should have to ask to protect."""


class PrivacyParams(Frozen):
    """The `privacy` section: see docs/privacy.md.

    `suppression_entries` is how many entries of the suppression list the canonical tables obey. `python -m pipeline.privacy
    object` and `erase` write it, so that `dvc repro` and experiments in other workspaces read the raw files anew. A model that
    learned from somebody who was erased can be published for `retrain_days` more. `identifiers` are columns
    of views that hold direct identifiers. `purge` removes days of the score log that are older than `score_log_days`.
    `ids` says whether leads and owners get pseudonyms; None: those of sources that `pull_crm` fills do.
    """

    ids: Ids | None = None

    suppression_entries: int = Field(default=0, ge=0)
    retrain_days: int = Field(default=30, ge=0)
    score_log_days: int = Field(default=365, ge=1)
    identifiers: tuple[str, ...] = ()

    def ids_of(self, source: str) -> Ids:
        """Say what becomes of the ids of a source."""
        return self.ids or ("pseudonyms" if source in PULLED else "as_given")


class SimulatorParams(Frozen):
    """The `simulator` section.

    What follows `seed` is how sales treats the queue, see `pipeline.simulator.handovers.HandoverRules`: `handover: none` means
    that nobody is ever called, `capacity` multiplies sales' planned pace, `called_first` says whose turn comes earlier, by
    `called_first_days` per standard deviation, `late_share` of the leads are put aside for weeks, and with `push_at_call` a too
    early call lowers interest and readiness at once. `alike` makes campaigns and salespeople alike; `teams` share the first
    calls, of which `poor_teams` (from 1) handle leads badly; `poor_campaigns` draw small firms.
    """

    leads: int = Field(ge=100)
    days: int = Field(ge=120)
    start: dt.date
    seed: int = Field(ge=0)
    handover: Literal["queue", "none"] = "queue"
    capacity: float = Field(default=1.0, ge=0.1, le=10.0)
    called_first: Literal["nobody", "visible", "hidden"] = "nobody"
    called_first_days: float = Field(default=7.0, ge=0.0, le=90.0)
    late_share: float = Field(default=0.0, ge=0.0, le=1.0)
    push_at_call: bool = False
    personas: float = Field(default=0.0, ge=0.0, le=1.0)
    alike: bool = False
    teams: int = Field(default=1, ge=1, le=20)
    poor_teams: tuple[int, ...] = ()
    poor_campaigns: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _teams_are_there(self) -> Self:
        wrong = [team for team in self.poor_teams if not 1 <= team <= self.teams]
        if wrong:
            raise ValueError(
                f"poor_teams: {wrong} is not among the teams 1..{self.teams}; raise `teams`, or name others"
            )
        return self


class SnapshotsParams(Frozen):
    """The `snapshots` section: who is at risk, and when they are looked at."""

    risk_set: Literal["mql", "customers"] = "mql"
    every_days: int | None = Field(default=7, ge=1)
    expire_days: int | None = Field(default=None, ge=1)


class LabelsParams(Frozen):
    """The `labels` section. The label looks at [snapshot_at, snapshot_at + label_days).

    `purchase` is what counts as a purchase of an existing customer (risk set `customers`): any order (`again`), orders that sum
    to more than those of the `label_days` before the snapshot (`more`), or a product that the account never ordered before
    (`new_product`). The risk set `mql` knows no purchase. `uncalled`: snapshots at which nobody called because the
    product advised so are left out, as what a call would have brought is not known, or counted as they ended.
    """

    label_days: int = Field(ge=1)
    recording_delay_days: int = Field(default=0, ge=0)
    purchase: Purchase = "again"
    uncalled: Literal["leave_out", "count"] = "leave_out"


class SegmentsParams(Frozen):
    """The `segments` section: by what the test is cut when the model is reviewed.

    `by` and `fairness` name `month`, `channel`, `campaign` or attributes. A segment with fewer than `min_positives`
    positives, or negatives, is counted and not measured.
    """

    by: tuple[str, ...] = ()
    fairness: tuple[str, ...] = ()
    min_positives: int = Field(default=30, ge=1)


class FunnelParams(Frozen):
    """The `funnel` section: what the funnel and the ledger show.

    `reference` is the MQL-SQL rate that is asked for; None: that of the other campaigns in the same months. A group with
    fewer than `min_leads` MQLs of known outcome is too small to say anything of it. Salespeople are shown with `by_person`
    alone, and never below `min_person_leads` MQLs. At most `most_groups` groups are shown per dimension, the largest.
    `country` is the attribute that names a lead's country.
    """

    reference: float | None = Field(default=None, gt=0.0, lt=1.0)
    min_leads: int = Field(default=30, ge=20)
    by_person: bool = False
    min_person_leads: int = Field(default=50, ge=30)
    most_groups: int = Field(default=30, ge=5, le=100)
    country: str = "country"


class PersonasParams(Frozen):
    """The `personas` section: segments of customers, announcing behaviour, and channels along paths.

    Of more customers than `most_customers` segments are cut on so many, drawn at random.
    """

    min_customers: int = Field(default=60, ge=20)
    most_customers: int = Field(default=5_000, ge=200)
    most: int = Field(default=8, ge=2, le=20)
    half_samples: int = Field(default=40, ge=10)
    least_returns: float = Field(default=0.8, gt=0.5, le=1.0)
    resembling: int = Field(default=20, ge=0, le=200)
    purchase_days: int = Field(default=180, ge=1)
    path_days: int = Field(default=180, ge=1)
    resamples: int = Field(default=300, ge=50)
    seed: int = Field(default=23, ge=0)


class AuditParams(Frozen):
    """The `audit` section: what the leakage audit calls knowing the outcome. Sources and reasons: docs/leakage-audit.md.

    `accepted` maps a finding's subject to the reason why it may stay; each must meet a finding.
    """

    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    max_exceptions: float = Field(default=0.05, gt=0.0, lt=0.5)
    exception_ratio: float = Field(default=0.1, gt=0.0, le=1.0)
    pure_share: float = Field(default=0.1, gt=0.0, le=1.0)
    certain_auc: float = Field(default=0.95, gt=0.5, le=1.0)
    excellent_auc: float = Field(default=0.8, gt=0.5, le=1.0)
    suspicious_auc: float = Field(default=0.69, gt=0.5, le=1.0)
    companion_share: float = Field(default=0.1, gt=0.0, le=1.0)
    companion_auc: float = Field(default=0.588, gt=0.5, lt=1.0)
    fill_jump: float = Field(default=0.5, gt=0.0, le=1.0)
    clock_correlation: float = Field(default=0.95, gt=0.0, le=1.0)
    future_share: float = Field(default=0.01, ge=0.0, le=1.0)
    duplicate_share: float = Field(default=0.01, ge=0.0, le=1.0)
    rarity: float = Field(default=0.001, gt=0.0, lt=0.5)
    max_rows: int = Field(default=100_000, ge=1_000)
    accepted: dict[str, str] = Field(default_factory=dict)


class CrmAttribute(Frozen):
    """A field of the CRM that becomes an attribute; `entity` says whose."""

    entity: Literal["lead", "account"] = "lead"
    field: str
    type: Literal["number", "category", "boolean"] = "category"
    known_at: Literal["creation", "mql", "export", "after"] = "export"


class CrmFields(Frozen):
    """The fields of the CRM that scores are written to; `advice` is when to call."""

    probability: str
    tier: str
    decision: str
    advice: str | None = None
    reasons: str

    def by_role(self) -> dict[str, str]:
        """Give the names by role, of those that have one."""
        return {role: name for role, name in self.model_dump().items() if name is not None}


class HubSpotParams(Frozen):
    """The `crm.hubspot` section; see docs/crm-adapters.md.

    `fields` are those of the model `publish.model_name`, `fields_of` those of others.

    The left sides are HubSpot's internal names, the right sides stages and kinds of touchpoints.
    """

    lifecycle_stages: dict[str, Stage]
    lead_statuses: dict[str, Stage] = Field(default_factory=dict)
    deal_created: Stage | None = None
    event_kinds: dict[str, str] = Field(default_factory=dict)
    history_kinds: dict[str, str] = Field(default_factory=dict)
    attributes: dict[str, CrmAttribute] = Field(default_factory=dict)
    mistake_minutes: float = Field(default=10.0, ge=0.0)
    fields: CrmFields
    fields_of: dict[str, CrmFields] = Field(default_factory=dict)
    calls_per_10_seconds: int = Field(default=90, ge=1)


class SalesforceParams(Frozen):
    """The `crm.salesforce` section; see docs/crm-adapters.md."""

    statuses: dict[str, Stage]
    first_status: str = Field(min_length=1)
    before_history: Literal["leave_out", "first_status"] = "leave_out"
    time_zone: TimeZone = "UTC"
    thousands: Literal[",", "."] = ","
    attributes: dict[str, CrmAttribute] = Field(default_factory=dict)
    fields: CrmFields
    fields_of: dict[str, CrmFields] = Field(default_factory=dict)
    daily_share: float = Field(default=0.8, gt=0.0, le=1.0)


class MemorisationParams(Frozen):
    """The `memorisation` section: what `python -m bench.memorisation --record` measured of one training, for the model card.

    `of` names the training (`pipeline.pages.memorisation.training_id`); None: nothing was measured. `accounts` are those that
    the attacked trees learned from. Of both attacks, a threshold on the loss and the likelihood ratio: the advantage, and its
    upper 95 % bound. `log_loss` is that of the attacked trees on the test. The `safest_` ones are of the tried setting with the
    lowest bound.
    """

    of: str | None = None
    accounts: int = Field(default=0, ge=0)
    loss: float = 0.0
    loss_bound: float = 0.0
    ratio: float = 0.0
    ratio_bound: float = 0.0
    log_loss: float = 0.0
    safest_num_leaves: int = Field(default=0, ge=0)
    safest_min_data_in_leaf: int = Field(default=0, ge=0)
    safest_bound: float = 0.0
    safest_log_loss: float = 0.0

    @property
    def bound(self) -> float:
        """The higher one of both bounds."""
        return max(self.loss_bound, self.ratio_bound)


class CrmParams(Frozen):
    """The `crm` section: what is read from and written to HubSpot and Salesforce; `language` is that of its users."""

    language: Literal["en", "de"] = "en"
    attempts: int = Field(default=6, ge=1)
    timeout_seconds: float = Field(default=60.0, gt=0.0)
    overlap_minutes: int = Field(default=60, ge=0)
    hubspot: HubSpotParams
    salesforce: SalesforceParams


class Params(Frozen):
    """All of `params.yaml`. A section that a stage did not ask for is absent there (None)."""

    paths: PathsParams
    ingest: IngestParams
    privacy: PrivacyParams
    simulator: SimulatorParams
    snapshots: SnapshotsParams
    labels: LabelsParams
    audit: AuditParams
    funnel: FunnelParams
    features: FeaturesParams
    points: PointsParams | None
    split: SplitSection
    train: TrainParams
    tuning: TuningParams
    serving: ServingParams
    calibration: CalibrationParams
    tiers: TiersParams
    capacity: CapacityParams
    timing: TimingParams
    decision: DecisionParams
    evaluate: EvaluateParams
    segments: SegmentsParams
    personas: PersonasParams
    monitor: MonitorParams
    memorisation: MemorisationParams
    publish: PublishParams
    crm: CrmParams


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises
    ------
    ParameterError
        If the file is missing, not YAML, or not a mapping.
    """
    if not path.exists():
        raise ParameterError(f"{path}: no such file. Run from the repository root, where params.yaml is.")
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), LOADER)
    except yaml.YAMLError as error:
        raise ParameterError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ParameterError(f"{path}: expected a mapping of sections, got {type(raw).__name__}.")
    return raw


def dump_yaml(values: dict[str, Any]) -> str:
    """Write a mapping as YAML, keys in their order."""
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def load_params(sections: tuple[str, ...], path: Path = Path("params.yaml")) -> Any:
    """Read the named sections of `params.yaml`.

    Parameters
    ----------
    sections : tuple of str
        Sections, or keys of one as ``section.key``; everything else is neither validated nor reachable.
    path : Path
        The file; relative to the working directory.

    Returns
    -------
    A frozen object with one attribute per named section; of a section of which keys are named, it holds these alone.

    Raises
    ------
    ParameterError
        If the file or a section is missing, or a value is unknown or out of range.
    """
    raw = read_yaml(path)
    unknown = sorted(set(raw) - set(Params.model_fields))
    if unknown:
        raise ParameterError(
            f"{path}: unknown section(s) {', '.join(map(repr, unknown))}. "
            f"Allowed: {', '.join(Params.model_fields)}. Remove or rename them."
        )
    keys: dict[str, list[str]] = {}
    for name in sections:
        section, _, key = name.partition(".")
        keys.setdefault(section, []).extend([key] if key else [])
    missing = [name for name in keys if name not in raw]
    if missing:
        raise ParameterError(f"{path}: section(s) {', '.join(map(repr, missing))} missing. Add them.")
    fields: dict[str, Any] = {name: (_part(name, named), ...) for name, named in keys.items()}
    model = create_model("Params", __base__=Frozen, **fields)
    try:
        return model(**{name: _kept(raw[name], named) for name, named in keys.items()})
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, item['loc']))}: {item['msg']} (got {item['input']!r})" for item in error.errors()
        ]
        raise ParameterError(f"{path}: {len(lines)} bad value(s):\n" + "\n".join(lines)) from error


def _part(section: str, keys: list[str]) -> Any:
    """Give the type of a section, or of the named keys of it."""
    whole: Any = Params.model_fields[section].annotation
    if not keys:
        return whole
    fields: dict[str, Any] = {key: (whole.model_fields[key].annotation, whole.model_fields[key]) for key in keys}
    return create_model(f"{whole.__name__} of {', '.join(keys)}", __base__=Frozen, **fields)


def _kept(values: Any, keys: list[str]) -> Any:
    """Leave out of a section what was not named; what is no mapping stays, and is refused."""
    return {key: values[key] for key in keys if key in values} if keys and isinstance(values, dict) else values
