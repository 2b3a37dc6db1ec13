"""Selectors that every company has: stage changes, what sales did, what colleagues did, orders."""

import re
from collections.abc import Iterable, Mapping

from features.params import Label, SelectorParams
from features.records import CREATED, ORDER, STAGE_PREFIX
from features.vocabulary import STAGES, Stage

__all__ = [
    "ACCOUNT",
    "ACCOUNT_OPERATIONS",
    "ORDERS",
    "ORDER_OPERATIONS",
    "SALES",
    "account_selectors",
    "automatic_selectors",
    "built_in_names",
    "orders_selector",
    "role_selector",
    "sales_selector",
    "stage_selectors",
]

SALES, ACCOUNT, ORDERS = "sales_touchpoints", "account", "orders"
ACCOUNT_OPERATIONS = ("count", "days_since_last", "decayed_count", "active_leads")
"""What the fold over an account's other leads measures, in column order."""

ORDER_OPERATIONS = (
    "count",
    "decayed_count",
    "days_since_last",
    "days_since_first",
    "distinct_assets",
    "sum_value",
    "mean_gap",
    "gap_ratio",
    "longest_gap",
    "trend",
)
"""What is measured of an account's orders: recency, frequency, monetary value, products, rhythm."""

STAGE_WORDS: Mapping[Stage, tuple[str, str]] = {
    "inquiry": ("inquiry", "Anfrage"),
    "mql": ("marketing-qualified", "marketing-qualifiziert"),
    "sal": ("accepted by sales", "vom Vertrieb angenommen"),
    "sales_qualified": ("sales-qualified", "vom Vertrieb qualifiziert"),
    "disqualified": ("disqualified", "disqualifiziert"),
    "recycled": ("recycled", "zurückgestellt"),
    "customer": ("customer", "Kunde"),
}
"""Names of the CRM's stages in English and German; each stage has a selector of its own (`stage_mql`, ...)."""

# of what becomes of colleagues in the CRM, these say most about the account
_COLLEAGUES_STAGES: tuple[Stage, ...] = ("sales_qualified", "disqualified")


def stage_selectors() -> dict[str, SelectorParams]:
    """Give the selectors of the lead's creation and of the CRM's stages, in column order."""
    rules = {
        f"stage_{stage}": SelectorParams(
            kind=(STAGE_PREFIX + stage,),
            by=("system",),
            label=Label(
                en=f"changes to stage “{STAGE_WORDS[stage][0]}”", de=f"Wechsel in die Stufe „{STAGE_WORDS[stage][1]}“"
            ),
            did=Label(
                en=f"reached stage “{STAGE_WORDS[stage][0]}”", de=f"die Stufe „{STAGE_WORDS[stage][1]}“ erreicht"
            ),
        )
        for stage in STAGES
    }
    label = Label(en="creations of the lead", de="Anlagen des Leads")
    return {CREATED: SelectorParams(kind=(CREATED,), by=("system",), label=label), **rules}


def sales_selector() -> SelectorParams:
    """Give the selector of what sales did (calls, mails), which is kept apart from the lead's own behaviour."""
    return SelectorParams(by=("sales",), label=Label(en="touchpoints by sales", de="Kontakte durch den Vertrieb"))


def orders_selector() -> SelectorParams:
    """Give the selector of an account's orders, in the journeys of accounts."""
    label = Label(en="orders of the account", de="Bestellungen des Unternehmens")
    return SelectorParams(kind=(ORDER,), by=("system",), label=label)


def account_selectors(roles: Iterable[str]) -> dict[str, SelectorParams]:
    """Give the selectors of what a lead's colleagues did, and of what became of them, in column order.

    Parameters
    ----------
    roles : iterable of str
        Known roles; each has a selector of its own, whose rule picks any touchpoint: the role is compared apart.
    """
    rules = {ACCOUNT: SelectorParams(label=Label(en="touchpoints of colleagues", de="Kontaktpunkte von Kollegen"))}
    for role in roles:
        label = Label(
            en=f"touchpoints of colleagues with role “{role}”", de=f"Kontaktpunkte von Kollegen mit der Rolle „{role}“"
        )
        rules[role_selector(role)] = SelectorParams(label=label)
    for stage in _COLLEAGUES_STAGES:
        english, german = STAGE_WORDS[stage]
        rules[f"{ACCOUNT}_{stage}"] = SelectorParams(
            kind=(STAGE_PREFIX + stage,),
            by=("system",),
            label=Label(
                en=f"changes of colleagues to stage “{english}”", de=f"Wechsel von Kollegen in die Stufe „{german}“"
            ),
        )
    return rules


def role_selector(role: str) -> str:
    """Name the selector of a role.

    Examples
    --------
    >>> role_selector("Head of IT")
    'account_role_head_of_it'
    """
    return f"{ACCOUNT}_role_{_slug(role)}"


def automatic_selectors(
    kinds: Iterable[str], channels: Iterable[str], configured: Mapping[str, SelectorParams]
) -> dict[str, SelectorParams]:
    """Give a selector to each kind and channel that no configured selector picks by itself already.

    Parameters
    ----------
    kinds, channels : iterable of str
        Values with enough support in training. Those that differ only in capitals or signs share a selector. One with ``*`` or
        ``?`` would be read as a pattern, and gets none.
    configured : mapping of str to SelectorParams
        Those of `params.yaml`.
    """
    taken = {(rule.kind, rule.channel, rule.asset, rule.campaign, rule.by) for rule in configured.values()}
    rules: dict[str, SelectorParams] = {}
    for field, field_values, words in (
        ("kind", kinds, ("touchpoints of kind “{}”", "Kontaktpunkte der Art „{}“")),
        ("channel", channels, ("touchpoints through “{}”", "Kontaktpunkte über „{}“")),
    ):
        alike: dict[str, list[str]] = {}
        for value in sorted(field_values):
            if not set("*?") & set(value):
                alike.setdefault(f"{field}_{_slug(value)}", []).append(value)
        for name, values in alike.items():
            label = Label(en=words[0].format(values[0]), de=words[1].format(values[0]))
            rule = SelectorParams.model_validate({field: tuple(values), "label": label})
            if (rule.kind, rule.channel, rule.asset, rule.campaign, rule.by) not in taken and name not in configured:
                rules[name] = rule
    return rules


def built_in_names(roles: Iterable[str] = ()) -> list[str]:
    """List the names that a selector of `params.yaml` may not have."""
    return [*stage_selectors(), SALES, ORDERS, *account_selectors(roles)]


def _slug(value: str) -> str:
    """Turn any text into the second half of a name: small letters, digits, single underscores."""
    plain = re.sub(r"[^a-z0-9]+", "_", value.lower()).strip("_")
    return plain or "_".join(f"u{ord(character):x}" for character in value)
