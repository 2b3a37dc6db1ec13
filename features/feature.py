"""One feature as a record, and the ordered list of them that parameters ask for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from features.attributes import AttributeSpec
from features.built_in import (
    ACCOUNT,
    ACCOUNT_OPERATIONS,
    ORDER_OPERATIONS,
    ORDERS,
    SALES,
    account_selectors,
    orders_selector,
    sales_selector,
    stage_selectors,
)
from features.errors import ParameterError
from features.operations import GROUPS, OPERATIONS, SELECTOR_OPERATIONS, Group
from features.params import FeaturesParams, Label, SelectorParams
from features.records import CREATED
from features.wording.attribute import default_label
from features.wording.phrases import FeatureValue, Pair
from features.wording.units import check_language

__all__ = ["Feature", "list_features", "operations_of"]

MOST_FEATURES = 20_000
_LATELY = Pair("in the last {days} days", "in den letzten {days} Tagen")


@dataclass(frozen=True)
class Feature:
    """One column of the feature matrix.

    Attributes
    ----------
    name : str
        ``<operation>__<selector>__<days>d`` or ``<operation>__<selector>``, ``days_before__<selector>__<selector>``,
        ``attribute__<name>``, ``missing__<entity>``.
    operation : str
        One of `OPERATIONS`.
    selector : str
        Which touchpoints; for an attribute its name, for `missing` lead or account.
    window_days : int or None
        Length of ``[snapshot_at - window_days, snapshot_at)``; for `decayed_count` the half-life; None: all that is seen.
    unit : str
        Of the value; for an attribute its type.
    group : Group
        What it speaks of.
    empty : float
        The value of a lead without any touchpoint or attribute: 0, or NaN where there is nothing to measure.
    observation_days : int
        How far back the feature sees at all.
    label : Label
        What the selector picks, plural.
    categories : tuple of str
        Known categories in code order.
    other : str
        The second selector of `days_before`.
    other_label : Label or None
        What that picks.
    did : Label or None
        What a lead did that the selector picks; None: the label says it.
    settings : mapping of str to object
        Parameters that its meaning depends on.
    """

    name: str
    operation: str
    selector: str
    window_days: int | None
    unit: str
    group: Group
    empty: float
    observation_days: int
    label: Label
    categories: tuple[str, ...] = ()
    other: str = ""
    other_label: Label | None = None
    did: Label | None = None
    settings: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)

    def text(self, value: float, language: str = "en") -> str:
        """Say in a few words what a value of this feature means.

        Parameters
        ----------
        value : float
            As in the matrix.
        language : {"en", "de"}
            Of the answer.
        """
        check_language(language)
        return OPERATIONS[self.operation].words(
            FeatureValue(
                value=float(value),
                language=language,
                label=self._label(self.label, language),
                did=self._label(self.did, language) if self.did else "",
                selector=self.selector,
                days=self.window_days or self.observation_days,
                seen_days=self.observation_days,
                other=self._label(self.other_label, language) if self.other_label else "",
                unit=self.unit,
                categories=self.categories,
            )
        )

    def meaning(self, language: str = "en") -> str:
        """Say in one sentence what this feature measures.

        Parameters
        ----------
        language : {"en", "de"}
            Of the answer.

        Examples
        --------
        >>> pricing = Label(en="views of the pricing page", de="Aufrufe der Preisseite")
        >>> feature = Feature("count__pricing__7d", "count", "pricing", 7, "touchpoints", "engagement", 0.0, 365, pricing)
        >>> feature.meaning("de")
        'Aufrufe der Preisseite: Anzahl in den letzten 7 Tagen'
        """
        days = self.window_days or self.observation_days
        text = (
            OPERATIONS[self.operation]
            .meaning.of(language)
            .format(
                label=self._label(self.label, language),
                lately=_LATELY.of(language).format(days=days),
                days=days,
                other=self._label(self.other_label, language) if self.other_label else "",
                selector=self.selector,
                **self.settings,
            )
        )
        return text[0].upper() + text[1:]

    @staticmethod
    def _label(label: Label, language: str) -> str:
        return label.de if language == "de" else label.en


def operations_of(name: str, rule: SelectorParams, params: FeaturesParams) -> tuple[str, ...]:
    """List what is measured of a selector's touchpoints, in column order."""
    if rule.operations is not None:
        wanted: Sequence[str] = rule.operations
    else:
        wanted = SELECTOR_OPERATIONS if name == "all" else params.operations
    return tuple(operation for operation in OPERATIONS if operation in wanted)


def list_features(
    params: FeaturesParams,
    selectors: Mapping[str, SelectorParams],
    attributes: Sequence[AttributeSpec],
    channels: tuple[str, ...] = (),
    roles: tuple[str, ...] = (),
) -> tuple[Feature, ...]:
    """List the features of the wanted groups, in column order: by group, by selector, by operation, by window.

    Parameters
    ----------
    params : FeaturesParams
        Groups, windows, half-lives, content, sequences.
    selectors : mapping of str to SelectorParams
        The selectors of the lead's own touchpoints, in order, without the built-in ones.
    attributes : sequence of AttributeSpec
        Each becomes one column.
    channels, roles : tuple of str
        Known channels (categories of `first_channel` and `last_channel`) and roles.

    Raises
    ------
    ParameterError
        There would be more than `MOST_FEATURES`, of all groups.
    """
    by_group: dict[str, list[Feature]] = {group: [] for group in GROUPS}
    for number, feature in enumerate(_all_features(params, selectors, attributes, channels, roles)):
        if number == MOST_FEATURES:
            raise ParameterError(
                f"features: more than {MOST_FEATURES:,} columns. Use fewer selectors, windows, operations or attributes."
            )
        by_group[feature.group].append(feature)
    return tuple(feature for group in GROUPS if group in params.groups for feature in by_group[group])


def _all_features(
    params: FeaturesParams,
    selectors: Mapping[str, SelectorParams],
    attributes: Sequence[AttributeSpec],
    channels: tuple[str, ...],
    roles: tuple[str, ...],
) -> Iterator[Feature]:
    content = any((params.content.awareness, params.content.consideration, params.content.decision))
    for name, rule in selectors.items():
        for operation in operations_of(name, rule, params):
            yield from _spanned(params, operation, name, rule, OPERATIONS[operation].group)
        for operation, record in OPERATIONS.items() if name == "all" else ():
            if record.asked_by == "all" and (content or record.kernel != "content"):
                categories = channels if record.unit == "category" else ()
                yield from _spanned(params, operation, name, rule, record.group, categories)
    for first, second in params.sequences:
        yield _sequence(params, first, second, selectors)
    basics = ("count", "decayed_count", "days_since_last")
    for operation in (*basics, "days_since_first", "sum_value"):
        yield from _spanned(params, operation, SALES, sales_selector(), "sales")
    for name, rule in account_selectors(roles).items():
        # of a role it matters whether one is there; of the others also how many touchpoints, and when
        for operation in ACCOUNT_OPERATIONS if name == ACCOUNT else ("days_since_last", "active_leads"):
            yield from _spanned(params, operation, name, rule, "account", brief=name != ACCOUNT)
    for operation in ORDER_OPERATIONS:
        yield from _spanned(params, operation, ORDERS, orders_selector(), "orders")
    for name, rule in stage_selectors().items():
        # a lead is created once: its count would say what the recency says
        for operation in ("days_since_last",) if name == CREATED else ("count", "days_since_last"):
            yield from _spanned(params, operation, name, rule, "stages", brief=True)
    nan = float("nan")
    for entity in ("lead", "account"):
        if sum(spec.entity == entity for spec in attributes) > 1:
            words = Label(en="attributes", de="Merkmale")
            start = (f"missing__{entity}", "missing", entity, None, OPERATIONS["missing"].unit)
            yield Feature(*start, "attributes", 0.0, params.observation_days, words)
    for spec in attributes:
        label = Label(en=default_label(spec.name), de=default_label(spec.name))
        begin = (f"attribute__{spec.name}", "attribute", spec.name, None, spec.type)
        yield Feature(*begin, "attributes", nan, params.observation_days, label, spec.categories)


def _spanned(
    params: FeaturesParams,
    operation: str,
    selector: str,
    rule: SelectorParams,
    group: Group,
    categories: tuple[str, ...] = (),
    brief: bool = False,
) -> Iterator[Feature]:
    """Make one operation's features of a selector: one per window or half-life; `brief`: over the observation alone."""
    what = OPERATIONS[operation]
    spans: Sequence[int | None]
    if what.spans == "once":
        spans = (None,)
    elif what.spans == "half_lives":
        spans = params.half_lives_days
    else:
        windows = params.windows_days if what.spans == "windows" else params.long_windows_days
        spans = () if brief else tuple(days for days in windows if days != params.observation_days)
        spans = (*spans, params.observation_days)
    words = default_label(selector)
    for days in spans:
        yield Feature(
            name=f"{operation}__{selector}" + (f"__{days}d" if days else ""),
            operation=operation,
            selector=selector,
            window_days=days,
            unit=what.unit,
            group=group,
            empty=what.empty,
            observation_days=params.observation_days,
            label=rule.label or Label(en=words, de=words),
            categories=categories,
            did=rule.did,
            settings=_settings(params),
        )


def _sequence(params: FeaturesParams, first: str, second: str, selectors: Mapping[str, SelectorParams]) -> Feature:
    labels = [
        selectors[name].label or Label(en=default_label(name), de=default_label(name)) for name in (first, second)
    ]
    return Feature(
        f"days_before__{first}__{second}",
        "days_before",
        first,
        None,
        "days",
        "path",
        float("nan"),
        params.observation_days,
        labels[0],
        other=second,
        other_label=labels[1],
    )


def _settings(params: FeaturesParams) -> dict[str, object]:
    return {
        "visit_minutes": params.visit_minutes,
        "pause_days": params.pause_days,
        "time_zone": params.time_zone,
        "hours": "{}-{}".format(*params.working_hours),
    }
