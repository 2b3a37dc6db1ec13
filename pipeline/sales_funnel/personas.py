"""From journeys to personas: segments of customers, the rule that assigns every lead, yields, descriptions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from features.params import FeaturesParams
from features.timeline import DAY_US
from models.analyses.personas import Likeness, Persona, Personas, Tried, Yields
from pipeline.params import LabelsParams, PersonasParams
from pipeline.population.attribute_history import eligible_attributes, read_attribute_values
from pipeline.population.micros import micros
from pipeline.population.outcomes import label_snapshots
from pipeline.sales_funnel.first_mqls import NEVER, FirstMqls
from pipeline.sales_funnel.journey_contents import GROUP
from pipeline.sales_funnel.journey_paths import JourneyPaths, parts_of_looks, visits_between
from pipeline.sales_funnel.mql_endings import read_costs
from pipeline.sales_funnel.personas_describe import customer_facts, describe
from pipeline.sales_funnel.personas_names import NamedPersona, match_names
from pipeline.sales_funnel.personas_profile import Block, Profile, behaviour_counts, topics_of
from pipeline.sales_funnel.personas_rule import Assignment, assign_personas
from pipeline.sales_funnel.personas_segments import Segments, find_segments, fit_embedding, most_compact_view
from pipeline.sales_funnel.personas_yields import persona_yields, shares_of_campaigns
from pipeline.tables.export import read_export
from pipeline.tables.parquet import read_table

__all__ = ["Found", "KnownAttributes", "content_labels", "find_personas", "make_personas", "read_attributes"]


VIEWS: tuple[tuple[Block, ...], ...] = (
    ("who", "content", "channels", "order"),
    ("content", "channels", "order"),
    ("content", "order"),
)
"""By what segments may be cut: all, unless customers fall apart much more clearly by less."""


class KnownAttributes(NamedTuple):
    """Attributes as known at each MQL moment, and those of leads that hold text, which may be titles."""

    values: pd.DataFrame
    titles: list[str]


@dataclass(frozen=True, eq=False)
class Found:
    """Segments of the customers, and what all leads are like.

    Attributes
    ----------
    segments : Segments
        Of the customers, in the order of `customer`.
    assignment : Assignment or None
        Of all leads that became MQL; None: no segment is stable.
    customer : ndarray of int64 [customers]
        Positions among the leads that became MQL.
    dimensions : int
    profile : Profile
    view : tuple of str
        The blocks that the segments are cut by, see `VIEWS`.
    drawn : int
        Customers that the segments were cut on.
    """

    segments: Segments
    assignment: Assignment | None
    customer: np.ndarray
    dimensions: int
    profile: Profile
    view: tuple[Block, ...]
    drawn: int


def content_labels(contents: Sequence[str], features: FeaturesParams) -> dict[str, dict[str, str]]:
    """Give the company's own words for contents, by language; a content that is no selector has none."""
    bases = dict.fromkeys(name.split(GROUP, 1)[0] for name in contents)
    rules = {name: features.selectors[name] for name in bases if name in features.selectors}
    return {name: dict(rule.label) for name, rule in rules.items() if rule.label is not None}


def read_attributes(canonical: Path, paths: JourneyPaths, mqls: FirstMqls) -> KnownAttributes:
    """Read attributes as they were known at each MQL moment; those known after it are never among them."""
    declared = read_table(canonical / "attributes.parquet", "attributes").to_pandas()
    declared = eligible_attributes(declared, use_known_at_export=False)
    accounts = read_table(canonical / "leads.parquet", "leads").select(["lead_id", "account_id"]).to_pandas()
    ids = paths.lead_ids[mqls.lead]
    account = accounts.astype(object).set_index("lead_id")["account_id"].reindex(ids)
    moments = pd.Series(pd.to_datetime(mqls.mql_at, unit="us", utc=True)).astype("datetime64[us, UTC]")
    looks = pd.DataFrame({"lead_id": ids, "account_id": account.to_numpy(), "snapshot_at": moments})
    is_text = (declared["entity"] == "lead") & (declared["type"] == "category")
    return KnownAttributes(
        read_attribute_values(canonical, looks, declared), declared.loc[is_text, "attribute"].tolist()
    )


def find_personas(
    paths: JourneyPaths, mqls: FirstMqls, attributes: pd.DataFrame, customer: np.ndarray, until: np.ndarray,
    observation_days: int, params: PersonasParams,
) -> Found:  # fmt: skip
    """Segment customers by what was known and done until some moments, and find whom every lead is like at its MQL moment.

    Of more customers than `params.most_customers` segments are cut on so many, drawn at random; the others belong to the
    segment whose middle is nearest, as those drawn do.

    Parameters
    ----------
    paths : JourneyPaths
    mqls : FirstMqls
        All leads that became MQL.
    attributes : DataFrame
        Row for row with `mqls`.
    customer : ndarray of int64 [customers]
        Positions in `mqls`.
    until : ndarray of int64 [customers]
        UTC microseconds; customers' journeys before it count.
    observation_days : int
        How far back they count.
    params : PersonasParams
    """
    back = observation_days * DAY_US
    customers = mqls.take(customer)
    visits = visits_between(paths, customers.lead, until - back, until)
    topics, names = topics_of(paths, visits.row, attributes.iloc[customer])
    who = attributes[names]
    bought = behaviour_counts(paths, visits, len(customers), topics)
    profile = Profile(who.iloc[customer], bought, topics)
    everything = profile.blocks(who.iloc[customer], bought)
    drawn = _drawn(len(customer), params)
    blocks = {name: block[drawn] for name, block in everything.items()}
    views = [tuple(name for name in view if name in blocks) for view in VIEWS]
    embeddings = [fit_embedding([blocks[name] for name in view], params.seed) for view in views]
    points = [fit.of([blocks[name] for name in view]) for fit, view in zip(embeddings, views, strict=True)]
    with threadpool_limits(limits=1, user_api="openmp"):  # in a thousand small fits threads wait for one another
        chosen = most_compact_view(points, params.seed)
        segments = find_segments(points[chosen], params.most, params.half_samples, params.least_returns, params.seed)
    view, embedding = views[chosen], embeddings[chosen]
    segments = replace(segments, label=segments.of(embedding.of([everything[name] for name in view])))
    assignment = None
    if len(segments):
        everybody = np.empty((len(mqls), embedding.dimensions))
        for part in parts_of_looks(paths, mqls.lead):
            looks = mqls.take(part)
            seen = visits_between(paths, looks.lead, looks.mql_at - back, looks.mql_at)
            known = profile.blocks(who.iloc[part], behaviour_counts(paths, seen, len(looks), topics))
            everybody[part] = embedding.of([known[name] for name in view])
        assignment = assign_personas(everybody, customer, segments.label, paths.group[customers.lead])
    return Found(segments, assignment, customer, embedding.dimensions, profile, view, len(drawn))


def _drawn(customers: int, params: PersonasParams) -> np.ndarray:
    """Draw the customers that segments are cut on: positions, ascending."""
    most = min(customers, params.most_customers)
    return np.sort(np.random.default_rng(params.seed).choice(customers, most, replace=False))


def make_personas(
    canonical: Path,
    paths: JourneyPaths,
    mqls: FirstMqls,
    source: str,
    features: FeaturesParams,
    labels: LabelsParams,
    params: PersonasParams,
    names: Sequence[NamedPersona],
) -> Personas | None:
    """Make the analysis; None: fewer customers than `params.min_customers`.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    paths, mqls
        Of these tables.
    source : str
        For the page.
    features : FeaturesParams
        How far back journeys count; the labels of selectors name contents.
    labels : LabelsParams
        Within how many days a lead must qualify, and when that is known.
    params : PersonasParams
    names : sequence of NamedPersona
        As a person gave them.
    """
    customer = np.flatnonzero((mqls.bought_at < NEVER) & (mqls.bought_at > mqls.mql_at))
    if len(customer) < params.min_customers:
        return None
    observation_days = features.observation_days
    attributes = read_attributes(canonical, paths, mqls)
    found = find_personas(paths, mqls, attributes.values, customer, mqls.bought_at[customer], observation_days, params)
    persona = np.full(len(mqls), -1) if found.assignment is None else found.assignment.persona
    costs = _costs(canonical, mqls.exported_at - (labels.label_days + labels.recording_delay_days) * DAY_US)
    yields = _yields(canonical, paths, mqls, persona, len(found.segments), labels, params, costs)
    is_open = mqls.is_open
    return Personas(
        source=source,
        exported_at=read_export(canonical).exported_at.to_pydatetime(),
        customers=len(customer),
        drawn=found.drawn,
        bought_by=mqls.bought_by,
        half_samples=params.half_samples,
        least_returns=params.least_returns,
        dimensions=found.dimensions,
        cut_by=found.view,
        unstable=found.segments.unstable,
        tried=tuple(Tried.model_validate(facts) for facts in found.segments.tried),
        agreement=None if found.assignment is None else found.assignment.agreement,
        adjusted_rand=None if found.assignment is None else found.assignment.adjusted_rand,
        label_days=labels.label_days,
        labels=content_labels(paths.contents, features),
        costs_known=costs is not None,
        personas=_described(paths, mqls, attributes, found, yields, observation_days, params, names),
        everybody=yields[-1],
        open_leads=int(is_open.sum()),
        none_alike=int((is_open & (persona < 0)).sum()),
    )


def _costs(canonical: Path, until: int) -> dict[str, float] | None:
    """Sum each campaign's costs up to a moment, as old as the youngest leads whose outcome is known; None: none are given."""
    spent = read_costs(canonical)
    if spent is None:
        return None
    early = spent[micros(spent["spent_at"]) <= until]
    return {str(name): float(amount) for name, amount in early.groupby("campaign")["amount"].sum().items()}


def _described(
    paths: JourneyPaths,
    mqls: FirstMqls,
    attributes: KnownAttributes,
    found: Found,
    yields: list[Yields],
    observation_days: int,
    params: PersonasParams,
    names: Sequence[NamedPersona],
) -> tuple[Persona, ...]:
    if found.assignment is None:
        return ()
    customers = mqls.take(found.customer)
    until = customers.bought_at
    visits = visits_between(paths, customers.lead, until - observation_days * DAY_US, until)
    counts = behaviour_counts(paths, visits, len(customers))
    known = attributes.values.iloc[found.customer]
    facts = customer_facts(paths, customers, visits, counts, known, found.profile.values, attributes.titles)
    personas = []
    for code, (returns, jaccard) in enumerate(zip(found.segments.returns, found.segments.jaccard, strict=True)):
        own = found.segments.label == code
        alike = np.flatnonzero(mqls.is_open & (found.assignment.persona == code))
        nearest = alike[np.argsort(-found.assignment.likeness[alike], kind="stable")][: params.resembling]
        personas.append(
            Persona.model_validate(
                {
                    "key": f"P{code + 1}",
                    "name": None,
                    "customers": int(own.sum()),
                    "share": float(own.mean()),
                    "returns": returns,
                    "jaccard": jaccard,
                    "yields": yields[code],
                    "open_leads": len(alike),
                    "resembling": tuple(
                        Likeness(lead_id=paths.lead_ids[mqls.lead[row]], likeness=float(found.assignment.likeness[row]))
                        for row in nearest
                    ),
                    **describe(facts, own, paths.contents, paths.channels),
                }
            )
        )
    return match_names(tuple(personas), names)


def _yields(
    canonical: Path,
    paths: JourneyPaths,
    mqls: FirstMqls,
    persona: np.ndarray,
    number: int,
    labels: LabelsParams,
    params: PersonasParams,
    costs: dict[str, float] | None,
) -> list[Yields]:
    exported_at = read_export(canonical).exported_at
    looks = pd.DataFrame(
        {"lead_id": paths.lead_ids[mqls.lead], "snapshot_at": pd.to_datetime(mqls.mql_at, unit="us", utc=True)}
    )
    won_at = pd.Series(mqls.qualified_at).astype("Int64").mask(mqls.qualified_at == NEVER)
    outcome_at = pd.to_datetime(won_at, unit="us", utc=True)
    labelled = label_snapshots(looks, outcome_at, labels, exported_at, ordinal=False)
    matured = labelled["matured"].to_numpy()
    campaigns = np.array([*paths.campaigns, None], dtype=object)
    newest = mqls.exported_at - (labels.label_days + labels.recording_delay_days) * DAY_US
    first = np.full(len(paths), NEVER)
    some = np.diff(paths.offsets) > 0
    first[some] = paths.occurred_at[paths.offsets[:-1][some]]
    shares = shares_of_campaigns(
        campaigns[paths.drawn_by[first <= newest]], campaigns[paths.drawn_by[mqls.lead[matured]]], costs
    )
    measured = persona_yields(
        persona[matured],
        labelled["label"].to_numpy(dtype=np.float64, na_value=0.0)[matured] == 1.0,
        shares,
        paths.group[mqls.lead[matured]],
        number,
        params.resamples,
        params.seed,
    )
    return [Yields.model_validate(row) for row in measured]
