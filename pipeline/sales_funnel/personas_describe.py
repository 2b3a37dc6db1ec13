"""What a persona's customers have in common: who they are, how they came, in which order, how long it took, the last steps."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.timeline import DAY_US
from models.analyses.personas import Compared, Place, Spread
from models.answers.open_questions import OPEN_QUESTIONS, is_decision_maker
from pipeline.sales_funnel.first_mqls import NEVER, FirstMqls
from pipeline.sales_funnel.journey_paths import JourneyPaths, Visits
from pipeline.sales_funnel.personas_profile import BehaviourCounts, attribute_codes

__all__ = ["CustomerFacts", "customer_facts", "describe", "standing_out"]

LAST = 5
"""Touchpoints before the purchase that are its last steps."""
MOST = 6
STANDS_OUT = 2.5
"""Standard errors by which a persona's share differs from that of all customers."""
USUAL = 0.2
"""Share of the persona's customers that must have a content to have a place in the order."""

Columns = Mapping[tuple[str, object], np.ndarray]
"""What a customer may have, by name and value: bool [customers]."""


@dataclass(frozen=True, eq=False)
class CustomerFacts:
    """What is known of each customer, in columns.

    Attributes
    ----------
    who, last_steps, first_channels, questions : mapping
        Bool columns by name and value.
    contents, channels : ndarray of float64 [customers, contents], [customers, channels]
        Share of its touchpoints.
    places : ndarray of float64 [customers, contents]
        Mean place of each content in its journey, 0 to 1; NaN: it has none.
    to_mql, to_qualified, to_purchase, touchpoints : ndarray of float64 [customers]
        NaN: not known.
    decides : ndarray of bool [customers] or None
    """

    who: Columns
    last_steps: Columns
    first_channels: Columns
    questions: Columns
    contents: np.ndarray
    channels: np.ndarray
    places: np.ndarray
    to_mql: np.ndarray
    to_qualified: np.ndarray
    to_purchase: np.ndarray
    touchpoints: np.ndarray
    decides: np.ndarray | None


def customer_facts(
    paths: JourneyPaths,
    customers: FirstMqls,
    visits: Visits,
    counts: BehaviourCounts,
    attributes: pd.DataFrame,
    values: Mapping[str, list[object]],
    titles: list[str],
) -> CustomerFacts:
    """Put together what is known of customers until their purchase.

    Parameters
    ----------
    paths : JourneyPaths
    customers : FirstMqls
    visits : Visits
        Their touchpoints before the purchase.
    counts : BehaviourCounts
        Of these.
    attributes : DataFrame
        As known at the MQL moment.
    values : mapping
        Attribute to the values that have a column, see `Profile.values`.
    titles : list of str
        Attributes of leads that hold text; some may be titles.
    """
    size = np.bincount(visits.look, minlength=len(customers))
    end = np.cumsum(size)
    some = size > 0
    begin = np.where(some, paths.occurred_at[visits.row[np.maximum(end - size, 0) * some]] if len(visits) else 0, 0)
    first_channel = np.full(len(customers), -1)
    first_channel[some] = paths.channel[visits.row[(end - size)[some]]]
    last = np.arange(len(visits)) >= (end - LAST)[visits.look]
    question = paths.question[visits.row].astype(np.int64)
    has_question = np.zeros((len(customers), len(OPEN_QUESTIONS)), dtype=np.bool_)
    has_question[visits.look[question >= 0], question[question >= 0]] = True
    in_last = np.zeros((len(customers), len(paths.contents)), dtype=np.bool_)
    in_last[visits.look[last], paths.content[visits.row[last]]] = True
    with np.errstate(divide="ignore", invalid="ignore"):
        places = (counts.places / counts.contents + 1.0) / 2.0
    return CustomerFacts(
        who=_attribute_columns(attributes, values),
        last_steps={(name, None): in_last[:, code] for code, name in enumerate(paths.contents)},
        first_channels={(name, None): first_channel == code for code, name in enumerate(paths.channels)},
        questions={(name, None): has_question[:, code] for code, name in enumerate(OPEN_QUESTIONS)},
        contents=_of_touchpoints(counts.contents),
        channels=_of_touchpoints(counts.channels),
        places=places,
        to_mql=np.where(some, _days(begin, customers.mql_at), np.nan),
        to_qualified=_days(customers.mql_at, customers.qualified_at),
        to_purchase=_days(customers.mql_at, customers.bought_at),
        touchpoints=size.astype(np.float64),
        decides=_decides(attributes, titles),
    )


def describe(
    facts: CustomerFacts, own: np.ndarray, contents: tuple[str, ...], channels: tuple[str, ...]
) -> dict[str, object]:
    """Describe the customers of one persona beside all customers.

    Parameters
    ----------
    facts : CustomerFacts
    own : ndarray of bool [customers]
    contents, channels : tuple of str

    Returns
    -------
    dict
        The descriptive fields of `models.analyses.personas.Persona`.
    """
    spread = {
        name: _spread(getattr(facts, name)[own]) for name in ("to_mql", "to_qualified", "to_purchase", "touchpoints")
    }
    nothing = Spread(low=0.0, median=0.0, high=0.0)
    return {
        "who": standing_out(facts.who, own),
        "channels": _shares(facts.channels, own, channels),
        "first_channels": _most_frequent(facts.first_channels, own),
        "contents": _shares(facts.contents, own, contents, standing_out_alone=True),
        "last_steps": _most_frequent(facts.last_steps, own),
        "questions": _most_frequent(facts.questions, own),
        "order": _order(facts.places[own], contents),
        "to_mql": spread["to_mql"] or nothing,
        "to_qualified": spread["to_qualified"],
        "to_purchase": spread["to_purchase"] or nothing,
        "touchpoints": spread["touchpoints"] or nothing,
        "decision_makers": None if facts.decides is None else _compared(("title", None), facts.decides, own),
    }


def _of_touchpoints(counts: np.ndarray) -> np.ndarray:
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0))


def _shares(
    shares: np.ndarray, own: np.ndarray, names: tuple[str, ...], *, standing_out_alone: bool = False
) -> tuple[Compared, ...]:
    """Compare mean shares of touchpoints: the largest, or those that are larger than all customers' by more than chance."""
    mean, of_all = shares[own].mean(axis=0), shares.mean(axis=0)
    rank = mean
    if standing_out_alone:
        rank = (mean - of_all) / np.maximum(shares.std(axis=0) / np.sqrt(own.sum()), 1e-12)
    told = [
        Compared(name=names[code], share=float(mean[code]), of_all=float(of_all[code]))
        for code in np.argsort(-rank, kind="stable")
        if mean[code] >= 0.01 and (rank[code] >= STANDS_OUT or not standing_out_alone)
    ]
    return tuple(told[:MOST])


def standing_out(columns: Columns, own: np.ndarray, most: int = MOST) -> tuple[Compared, ...]:
    """Pick what a persona's customers have more often than all, by more than chance; the most telling first."""
    told = []
    for key, column in columns.items():
        of_all, share = float(column.mean()), float(column[own].mean())
        error = np.sqrt(max(of_all * (1.0 - of_all), 1e-12) / own.sum())
        if share > of_all and (share - of_all) / error >= STANDS_OUT:
            told.append(((share - of_all) / error, _compared(key, column, own)))
    return tuple(item for _, item in sorted(told, key=lambda pair: -pair[0])[:most])


def _most_frequent(columns: Columns, own: np.ndarray) -> tuple[Compared, ...]:
    compared = [_compared(key, column, own) for key, column in columns.items()]
    return tuple(sorted((item for item in compared if item.share >= 0.02), key=lambda item: -item.share)[:MOST])


def _compared(key: tuple[str, object], column: np.ndarray, own: np.ndarray) -> Compared:
    name, value = key
    share, of_all = float(column[own].mean()), float(column.mean())
    if isinstance(value, tuple):
        return Compared(name=name, low=value[0], high=value[1], share=share, of_all=of_all)
    text = str(value).lower() if isinstance(value, bool | np.bool_) else value
    return Compared(name=name, value=None if text is None else str(text), share=share, of_all=of_all)


def _attribute_columns(attributes: pd.DataFrame, values: Mapping[str, list[object]]) -> Columns:
    columns: dict[tuple[str, object], np.ndarray] = {}
    for name, kept in values.items():
        codes = attribute_codes(attributes[name], kept)
        if isinstance(kept[0], float):
            edges = [None, *kept, None]
            for band in range(len(kept) + 1):
                columns[name, (edges[band], edges[band + 1])] = codes == band
        else:
            columns |= {(name, value): codes == code for code, value in enumerate(kept)}
    return columns


def _order(places: np.ndarray, contents: tuple[str, ...]) -> tuple[Place, ...]:
    share = np.isfinite(places).mean(axis=0)
    told = [
        Place(name=contents[code], place=float(np.nanmedian(places[:, code])), share=float(share[code]))
        for code in np.flatnonzero(share >= USUAL)
    ]
    return tuple(sorted(told, key=lambda item: item.place))


def _days(begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    return np.where(end < NEVER, (end - begin) / DAY_US, np.nan)


def _spread(values: np.ndarray) -> Spread | None:
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    low, median, high = (float(value) for value in np.quantile(known, (0.25, 0.5, 0.75)))
    return Spread(low=low, median=median, high=high)


def _decides(attributes: pd.DataFrame, titles: list[str]) -> np.ndarray | None:
    """Tell whose title sounds like a decision-maker's; None: no text of the leads does for anybody."""
    decides = np.zeros(len(attributes), dtype=np.bool_)
    for name in titles:
        column = attributes[name].astype(object)
        known = {value: is_decision_maker(str(value)) for value in column.dropna().unique()}
        decides |= column.map(known).eq(True).to_numpy()
    return decides if decides.any() else None
