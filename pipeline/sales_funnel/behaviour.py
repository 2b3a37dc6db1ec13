"""Which behaviour announces qualification and purchase: candidates from earlier leads, held to later ones of other accounts."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from features.timeline import DAY_US
from models.quality.bootstrap import interval
from pipeline.params import LabelsParams, PersonasParams
from pipeline.sales_funnel.behaviour_patterns import Exposure, Looks, Pattern, exposures, lay_looks
from pipeline.sales_funnel.behaviour_tests import (
    Strata,
    Test,
    benjamini_yekutieli,
    compare,
    risk_ratio,
    score_tests,
)
from pipeline.sales_funnel.first_mqls import NEVER, FirstMqls
from pipeline.sales_funnel.journey_paths import JourneyPaths

__all__ = ["Announced", "Search", "announcing_behaviour"]

Outcome = Literal["sales_qualified", "purchase"]
LEVEL = 0.05
MOST_SENTENCES = 10
MOST_HELD = 40
"""Candidates that later data are asked about, per outcome."""
FEWEST_ACCOUNTS, FEWEST_POSITIVES = 30, 10
QUARTER = 91 * DAY_US
SAME = 0.7
"""Jaccard similarity of looks from which two patterns say the same."""
ADDS = 1.645
"""Standard errors by which a pattern adds to a similar one that is already told."""


@dataclass(frozen=True, eq=False)
class Announced:
    """One pattern that held on later data.

    Attributes
    ----------
    pattern : Pattern
    outcome : str
    test : Test
        On later data.
    share : float
        Of the looks that show it, after which the outcome follows.
    base : float
        The same of all looks.
    ratio : dict of str to float
        ``value``, ``low``, ``high``: how many times as often as where it is not shown, equally long after the MQL.
    lead_days : tuple of float
        Quartiles of the days from what completed the pattern to the outcome.
    """

    pattern: Pattern
    outcome: Outcome
    test: Test
    share: float
    base: float
    ratio: dict[str, float | None]
    lead_days: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Search:
    """What was looked at and what was found.

    Attributes
    ----------
    announced : tuple of Announced
        The strongest first; at most `MOST_SENTENCES`.
    candidates, held : int
        Patterns that earlier data were asked about, and those that later data were, over both outcomes.
    looks, leads : int
        Of the later data.
    split_at : int
        UTC microseconds; leads that became MQL before it are the earlier ones.
    """

    announced: tuple[Announced, ...]
    candidates: int
    held: int
    looks: int
    leads: int
    split_at: int


@dataclass(frozen=True, eq=False)
class _Question:
    """One outcome: positions of the early and of the late looks with known answers, and their strata; when it came, late."""

    outcome: Outcome
    early: np.ndarray
    proposing: Strata
    late: np.ndarray
    asked: Strata
    outcome_at: np.ndarray


def announcing_behaviour(paths: JourneyPaths, mqls: FirstMqls, labels: LabelsParams, params: PersonasParams) -> Search:
    """Search patterns that come before qualification and purchase more often than chance.

    Leads are compared at landmarks after their MQL moment with leads that are at risk for equally long, in the same quarter,
    and not contacted yet. The earlier half of the leads proposes patterns, later leads of other accounts are asked
    about them, and what is told holds there after Benjamini and Yekutieli's correction for all that were asked.

    Parameters
    ----------
    paths, mqls
        Of the same tables.
    labels : LabelsParams
        Within how many days a qualification counts, and when it is known.
    params : PersonasParams
        `purchase_days`, `resamples`, `seed`.
    """
    looks = lay_looks(paths, mqls)
    split_at = int(np.median(mqls.mql_at)) if len(mqls) else 0
    questions = [
        _question("sales_qualified", mqls.qualified_at, labels.label_days, paths, mqls, looks, labels, split_at)
    ]
    if mqls.bought_by != "sales_qualified":
        questions.append(
            _question("purchase", mqls.bought_at, params.purchase_days, paths, mqls, looks, labels, split_at)
        )
    lead = mqls.lead[looks.mql]
    found: list[list[tuple[float, Pattern, Exposure]]] = [[] for _ in questions]
    candidates = 0
    for pattern, exposure in exposures(paths, lead, looks.at):
        for place, question in enumerate(questions):
            test = compare(exposure.shows[question.early], question.proposing)
            candidates += 1
            if _enough(test) and test.p < LEVEL:
                found[place].append((test.z, pattern, exposure))
                found[place] = sorted(found[place], key=lambda item: -item[0])[:MOST_HELD]
    announced, held = _confirmed(questions, found)
    told = _told(announced, paths, looks, params)
    late_leads = np.unique(np.concatenate([looks.mql[question.late] for question in questions]))
    return Search(told, candidates, held, max(len(q.late) for q in questions), len(late_leads), split_at)


def _question(
    outcome: Outcome,
    outcome_at: np.ndarray,
    days: int,
    paths: JourneyPaths,
    mqls: FirstMqls,
    looks: Looks,
    labels: LabelsParams,
    split_at: int,
) -> _Question:
    window = days * DAY_US
    matured = looks.at + window + labels.recording_delay_days * DAY_US <= mqls.exported_at
    rows = np.flatnonzero(matured)
    at, mql = looks.at[rows], looks.mql[rows]
    when = outcome_at[mql]
    positive = (when >= at) & (when < at + window)
    quarter = (at - mqls.mql_at.min(initial=NEVER)) // QUARTER if len(at) else at
    _, code = np.unique(quarter * 64 + looks.landmark[rows], return_inverse=True)
    group = paths.group[mqls.lead[mql]]
    early = mqls.mql_at[mql] < split_at
    late = ~early & ~np.isin(group, group[early])
    strata = Strata(code, positive, group)
    return _Question(outcome, rows[early], _part(strata, early), rows[late], _part(strata, late), when[late])


def _part(strata: Strata, rows: np.ndarray) -> Strata:
    return Strata(strata.code[rows], strata.positive[rows], strata.group[rows])


def _enough(test: Test) -> bool:
    return test.accounts >= FEWEST_ACCOUNTS and test.positives >= FEWEST_POSITIVES


_Held = tuple[_Question, Pattern, Exposure, Test]


def _confirmed(
    questions: list[_Question], found: list[list[tuple[float, Pattern, Exposure]]]
) -> tuple[list[_Held], int]:
    """Ask later data about all candidates at once; give those that hold, the strongest first."""
    asked: list[_Held] = []
    for question, candidates in zip(questions, found, strict=True):
        if not candidates:
            continue
        shows = np.column_stack([exposure.shows[question.late] for _, _, exposure in candidates])
        for test, (_, pattern, exposure) in zip(score_tests(shows, question.asked), candidates, strict=True):
            if _enough(test):
                asked.append((question, pattern, exposure, test))
    rejected = benjamini_yekutieli(np.array([test.p for *_, test in asked]), LEVEL)
    holding = [item for item, holds in zip(asked, rejected, strict=True) if holds]
    return sorted(holding, key=lambda item: -item[3].z), len(asked)


def _told(holding: list[_Held], paths: JourneyPaths, looks: Looks, params: PersonasParams) -> tuple[Announced, ...]:
    """Leave out what says the same as a stronger pattern, and measure the others."""
    kept: list[_Held] = []
    for item in holding:
        if len(kept) == MOST_SENTENCES:
            break
        if all(_says_more(item, other) for other in kept if other[0] is item[0]):
            kept.append(item)
    return tuple(_measured(item, looks, params) for item in kept)


def _says_more(item: _Held, other: _Held) -> bool:
    """Tell whether a pattern differs from one that is told, or still speaks among looks alike in that one."""
    question, _, exposure, _ = item
    own = exposure.shows[question.late]
    told = other[2].shows[question.late]
    if (own & told).sum() / max((own | told).sum(), 1) >= SAME:
        return False
    return compare(own, question.asked._replace(code=2 * question.asked.code + told)).z >= ADDS


def _measured(item: _Held, looks: Looks, params: PersonasParams) -> Announced:
    question, pattern, exposure, test = item
    rows, part = question.late, question.asked
    shows = exposure.shows[rows]
    ratio, resampled = risk_ratio(shows, part, params.resamples, params.seed)
    won = shows & part.positive
    days = (question.outcome_at[won] - exposure.completed_at[rows][won]) / DAY_US
    # A lead that shows the pattern at several landmarks tells the longest lead time once
    _, once = np.unique(looks.mql[rows][won], return_index=True)
    low, median, high = (float(value) for value in np.quantile(days[once], (0.25, 0.5, 0.75)))
    return Announced(
        pattern,
        question.outcome,
        test,
        float(part.positive[shows].mean()),
        float(part.positive.mean()),
        interval(ratio, resampled),
        (low, median, high),
    )
