"""One feature as a record, and the ordered list of them that parameters ask for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from features.attributes import AttributeSpec
from features.params import Label, SelectorParams
from features.records import CREATED, STAGE_PREFIX
from features.vocabulary import STAGES, Stage
from features.wording import attribute_text, default_label, journey_text

__all__ = ["OPERATIONS", "Feature", "list_features", "stage_selectors"]

OPERATIONS = (
    "count",
    "decayed_count",
    "days_since_last",
    "days_since_first",
    "distinct_days",
    "distinct_channels",
    "distinct_assets",
    "sum_value",
    "attribute",
)

_UNITS = {
    "count": "touchpoints",
    "decayed_count": "touchpoints",
    "days_since_last": "days",
    "days_since_first": "days",
    "distinct_days": "calendar days (UTC)",
    "distinct_channels": "channels",
    "distinct_assets": "assets",
    "sum_value": "value",
}

_STAGE_WORDS: Mapping[Stage, tuple[str, str]] = {
    "inquiry": ("inquiry", "Anfrage"),
    "mql": ("marketing-qualified", "marketing-qualifiziert"),
    "sal": ("accepted by sales", "vom Vertrieb angenommen"),
    "sales_qualified": ("sales-qualified", "vom Vertrieb qualifiziert"),
    "disqualified": ("disqualified", "disqualifiziert"),
    "recycled": ("recycled", "zurückgestellt"),
    "customer": ("customer", "Kunde"),
}
"""Names of the CRM's stages in English and German; each stage has a selector of its own (`stage_mql`, ...)."""


@dataclass(frozen=True)
class Feature:
    """One column of the feature matrix.

    Attributes
    ----------
    name : str
        ``<operation>__<selector>__<days>d`` or ``<operation>__<selector>``, or ``attribute__<name>``.
    operation : str
        One of `OPERATIONS`.
    selector : str
        Which touchpoints; for an attribute its name.
    window_days : int or None
        Length of ``[snapshot_at - window_days, snapshot_at)``; for `decayed_count` the half-life; None: all that is seen.
    unit : str
        Of the value; for an attribute its type.
    group : {"engagement", "stages", "attributes"}
        Which half of a lead it speaks of.
    empty : float
        The value of a lead without any touchpoint or attribute: 0, or NaN where there is nothing to measure.
    observation_days : int
        How far back the feature sees at all.
    label : Label
        What the selector picks, plural.
    categories : tuple of str
        Known categories in code order.
    """

    name: str
    operation: str
    selector: str
    window_days: int | None
    unit: str
    group: Literal["engagement", "stages", "attributes"]
    empty: float
    observation_days: int
    label: Label
    categories: tuple[str, ...] = ()

    def text(self, value: float, language: str = "en") -> str:
        """Say in a few words what a value of this feature means.

        Parameters
        ----------
        value : float
            As in the matrix.
        language : {"en", "de"}
            Of the answer.
        """
        if self.operation == "attribute":
            return attribute_text(self.selector, self.unit, self.categories, float(value), language)
        label = self.label.de if language == "de" else self.label.en
        days = self.window_days or self.observation_days
        return journey_text(self.operation, self.selector, label, days, self.observation_days, float(value), language)


def stage_selectors() -> dict[str, SelectorParams]:
    """Give the built-in selectors of the lead's creation and of the CRM's stages, in column order."""
    rules = {
        f"stage_{stage}": SelectorParams(
            kind=(STAGE_PREFIX + stage,),
            by=("system",),
            label=Label(
                en=f"changes to stage “{_STAGE_WORDS[stage][0]}”", de=f"Wechsel in die Stufe „{_STAGE_WORDS[stage][1]}“"
            ),
        )
        for stage in STAGES
    }
    label = Label(en="creations of the lead", de="Anlagen des Leads")
    return {CREATED: SelectorParams(kind=(CREATED,), by=("system",), label=label), **rules}


def list_features(
    selectors: Mapping[str, SelectorParams],
    observation_days: int,
    windows_days: tuple[int, ...],
    half_lives_days: tuple[int, ...],
    groups: tuple[str, ...],
    attributes: tuple[AttributeSpec, ...],
) -> tuple[Feature, ...]:
    """List the features of the wanted groups, in column order: engagement by selector, stages, attributes.

    Parameters
    ----------
    selectors : mapping of str to SelectorParams
        All of them, built-in ones included.
    observation_days, windows_days, half_lives_days, groups
        As in the parameters. Counts are made over the whole observation too.
    attributes : tuple of AttributeSpec
        Each becomes one column.
    """
    features: list[Feature] = []
    windows = windows_days if observation_days in windows_days else (*windows_days, observation_days)
    built_in = stage_selectors() if "stages" in groups else {}

    def add(operation: str, selector: str, days: int | None, group: Literal["engagement", "stages"]) -> None:
        name = f"{operation}__{selector}" + (f"__{days}d" if days else "")
        words = default_label(selector)
        label = selectors[selector].label or Label(en=words, de=words)
        empty = float("nan") if operation.startswith("days_since") else 0.0
        features.append(
            Feature(name, operation, selector, days, _UNITS[operation], group, empty, observation_days, label)
        )

    for selector in selectors if "engagement" in groups else ():
        if selector in built_in:
            continue
        for days in windows:
            add("count", selector, days, "engagement")
        for days in half_lives_days:
            add("decayed_count", selector, days, "engagement")
        add("days_since_last", selector, None, "engagement")
        if selector == "all":
            add("days_since_first", selector, None, "engagement")
            for operation in ("distinct_days", "distinct_channels", "distinct_assets", "sum_value"):
                for days in windows:
                    add(operation, selector, days, "engagement")
    for selector in built_in:
        # a lead is created once: its count would say what the recency says
        if selector != CREATED:
            add("count", selector, observation_days, "stages")
        add("days_since_last", selector, None, "stages")
    for spec in attributes:
        label = Label(en=default_label(spec.name), de=default_label(spec.name))
        name, nan = f"attribute__{spec.name}", float("nan")
        record = (name, "attribute", spec.name, None, spec.type)
        features.append(Feature(*record, "attributes", nan, observation_days, label, spec.categories))
    return tuple(features)
