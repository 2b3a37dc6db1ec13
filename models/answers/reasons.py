"""From contributions to what a salesperson reads: fit, engagement, and the main reasons for and against."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from features.catalog import Catalog
from features.polarity import polarity
from features.wording.direction import both_ways, despite

__all__ = ["Reason", "fit_and_engagement", "merged_topics", "top_reasons", "topics"]

FIT_GROUPS = ("attributes",)
# A feature's words may stand for its topic when it contributed at least this share of what the strongest one did
NEARLY = 0.5
HARD_TO_READ = ("decayed_count",)
# Groups whose selectors don't pick the lead's own touchpoints, or are no selectors
_NOT_OWN = ("account", "orders", "attributes")


@dataclass(frozen=True, slots=True)
class Reason:
    """One signed contribution.

    Attributes
    ----------
    feature : str
        Name of the feature whose wording stands for the topic.
    text : str
        The finding in plain words; where these sound like the opposite of the contribution, they say how it counts.
    contribution : float
        Log-odds of the whole topic; above 0 speaks for the lead.
    """

    feature: str
    text: str
    contribution: float


@dataclass(frozen=True, eq=False)
class Topics:
    """Columns by topic: all features of one group and selector, or one attribute.

    Attributes
    ----------
    of : ndarray of int64 [features]
        The topic of each column.
    members : tuple of ndarray of int64
        The columns of each topic.
    is_fit : ndarray of bool [features]
        Whether a column speaks of fit.
    same : ndarray of int64 [selectors, measures]
        Columns that tell which touchpoints a selector picked: counts, decayed counts, time since the latest.
    of_same : ndarray of int64 [selectors]
        The topic of each row of `same`.
    since : ndarray of int64 [stages]
        Columns that tell when a lead was created or reached a stage.
    """

    of: np.ndarray
    members: tuple[np.ndarray, ...]
    is_fit: np.ndarray
    same: np.ndarray
    of_same: np.ndarray
    since: np.ndarray


@lru_cache(maxsize=8)
def topics(catalog: Catalog) -> Topics:
    """Sort a catalog's columns by topic; selectors with equal rules are one."""
    rules: dict[tuple[object, ...], str] = {}
    first_alike = {name: rules.setdefault(rule.picks, name) for name, rule in catalog.selectors.items()}
    names: dict[tuple[str, str], int] = {}
    of: list[int] = []
    measures: dict[str, list[int]] = {}
    for column, feature in enumerate(catalog.features):
        is_lead_touchpoints = feature.group not in _NOT_OWN
        selector = first_alike.get(feature.selector, feature.selector) if is_lead_touchpoints else feature.selector
        of.append(names.setdefault((feature.group, selector), len(names)))
        if feature.group == "engagement" and feature.operation in ("count", "decayed_count", "days_since_last"):
            measures.setdefault(feature.selector, []).append(column)
    most = max(map(len, measures.values()), default=0)
    same = np.array([columns for columns in measures.values() if len(columns) == most], dtype=np.int64)
    same = same.reshape(len(same) if most else 0, most)  # a catalog without engagement has none
    topic = np.array(of, dtype=np.int64)
    return Topics(
        topic,
        tuple(np.flatnonzero(topic == number) for number in range(len(names))),
        np.array([f.group in FIT_GROUPS for f in catalog.features], dtype=bool),
        same,
        topic[same[:, 0]] if most else np.zeros(0, dtype=np.int64),
        np.array(
            [c for c, f in enumerate(catalog.features) if (f.group, f.operation) == ("stages", "days_since_last")],
            dtype=np.int64,
        ),
    )


def merged_topics(values: np.ndarray, catalog: Catalog) -> np.ndarray:
    """Join topics that say the same of this lead: selectors that picked the same touchpoints.

    Two selectors with equal, not empty measures are two names for one thing, and so is the selector `all` where a lead did one
    sort of thing only; and so are two stages reached at one moment, such as a lead's creation where it makes an MQL. Apart
    they could be shown with opposite signs, or share one effect until neither is shown.

    Parameters
    ----------
    values : ndarray of float32 [features]
        One row of the matrix.
    catalog : Catalog
        Names the columns.

    Returns
    -------
    ndarray of int64 [topics]
        For each topic the one that it belongs to; of those joined, the last in the order of the catalog.
    """
    columns = topics(catalog)
    onto = np.arange(len(columns.members))
    if columns.same.size:
        alike: dict[bytes, int] = {}
        picked = values[columns.same]
        for row in np.flatnonzero((picked[:, 0] == picked[:, 0]) & (np.nan_to_num(picked).any(axis=1)))[::-1].tolist():
            topic = int(columns.of_same[row])
            onto[topic] = alike.setdefault(picked[row].tobytes(), topic)
    reached: dict[float, int] = {}
    for column in columns.since[np.isfinite(values[columns.since])][::-1].tolist():
        topic = int(columns.of[column])
        onto[topic] = reached.setdefault(float(values[column]), topic)
    return onto


def fit_and_engagement(contributions: np.ndarray, catalog: Catalog) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split log-odds into fit (what a lead is), engagement (what it does, and how far it has come) and the base value.

    Parameters
    ----------
    contributions : ndarray of float64 [rows, features + 1]
        As `Classifier.contributions` returns them.
    catalog : Catalog
        Names the columns.

    Returns
    -------
    fit, engagement, base : ndarray of float64 [rows]
        They sum to the raw log-odds.
    """
    is_fit = topics(catalog).is_fit
    values = contributions[:, :-1]
    return _sums(values[:, is_fit]), _sums(values[:, ~is_fit]), contributions[:, -1]


def _sums(values: np.ndarray) -> np.ndarray:
    # numpy's sum adds one row in another order than many; a running sum has only one order
    return np.cumsum(values, axis=1)[:, -1] if values.shape[1] else np.zeros(len(values))


def _speaker(members: np.ndarray, signed: np.ndarray, values: np.ndarray, catalog: Catalog, sign: float) -> int:
    """Choose the feature whose words stand for a topic: of those that contribute most in its direction, one of that polarity.

    Parameters
    ----------
    members : ndarray of int64
        Columns of the topic.
    signed : ndarray of float64 [features]
        Contributions.
    values : ndarray of float32 [features]
        The same row of the matrix.
    catalog : Catalog
        Names the columns.
    sign : float
        The direction of the topic's contribution.

    Returns
    -------
    int
        A column. Members with less than half of the strongest contribution in that direction are left out.
    """
    pull = signed[members] * np.sign(sign)
    able = members[pull >= NEARLY * pull.max()].tolist()

    def fitness(member: int) -> tuple[float, bool, float]:
        feature = catalog.features[member]
        agreement = polarity(feature, float(values[member])) * (1.0 if sign > 0.0 else -1.0)
        return agreement, feature.operation not in HARD_TO_READ, abs(float(signed[member]))

    return int(max(able, key=fitness))


def top_reasons(
    contributions: np.ndarray, values: np.ndarray, catalog: Catalog, count: int, language: str
) -> list[Reason]:
    """Name the topics that moved one lead's log-odds most, for or against.

    Features of one selector are one topic: five windows over the same page views are one thing to a salesperson. The topic's
    contribution is their sum, so features that say the same twice neither show twice nor cancel each other. Its words are those
    of a member that contributed in that direction, if possible one of that polarity. Where findings for and against a topic
    differ and have about equal weight, both are named, and the topic ranks by the weaker of the two: it does not vanish because
    its sum is small.

    Parameters
    ----------
    contributions : ndarray of float64 [features + 1]
        One row.
    values : ndarray of float32 [features]
        The same row of the matrix.
    catalog : Catalog
        Names and wording.
    count : int
        At most so many.
    language : {"en", "de"}
        Of the texts.

    Returns
    -------
    list of Reason
        Strongest first; topics that moved nothing are left out. All topics together sum to the log-odds less the base value.
    """
    if not count:
        return []
    columns = topics(catalog)
    single = contributions[:-1]
    topic = merged_topics(values, catalog)[columns.of]
    size = len(columns.members)
    total = np.bincount(topic, weights=single, minlength=size)
    weight = np.abs(total)
    opposed = (np.bincount(topic, weights=np.abs(single), minlength=size) - weight) / 2.0
    two_sided: dict[int, tuple[int, int]] = {}
    enough = np.partition(weight, -count)[-count] if count < size else 0.0
    for number in np.flatnonzero((opposed >= weight) & (opposed > enough)).tolist():
        members = np.flatnonzero(topic == number)
        sides = tuple(_speaker(members, single, values, catalog, sign) for sign in (1.0, -1.0))
        if all(
            polarity(catalog.features[m], float(values[m])) == side_sign
            for m, side_sign in zip(sides, (1, -1), strict=True)
        ):
            two_sided[number] = (sides[0], sides[1])
            weight[number] = opposed[number]
    reasons: dict[str, Reason] = {}
    for number in np.argsort(-weight, kind="stable").tolist():
        if weight[number] == 0.0 or len(reasons) == count:
            break
        amount = float(total[number])
        if number in two_sided:
            first, second = two_sided[number] if amount >= 0.0 else two_sided[number][::-1]
            texts = [catalog.features[m].text(float(values[m]), language) for m in (first, second)]
            reason = Reason(catalog.features[first].name, both_ways(texts[0], texts[1], language), amount)
        else:
            spoken = _speaker(np.flatnonzero(topic == number), single, values, catalog, amount)
            reason = Reason(catalog.features[spoken].name, _text(catalog, spoken, values, amount, language), amount)
        former = reasons.get(reason.text)  # selectors with the same words: one reason, with what both moved
        reasons[reason.text] = (
            reason if former is None else Reason(former.feature, former.text, former.contribution + amount)
        )
    return list(reasons.values())


def _text(catalog: Catalog, column: int, values: np.ndarray, amount: float, language: str) -> str:
    """Say what was found in one column, and where that sounds like the opposite of what it counted, say so."""
    feature, value = catalog.features[column], float(values[column])
    if polarity(feature, value) * amount < 0.0:
        return despite(feature.text(value, language, against=True), amount, language)
    return feature.text(value, language)
