"""What a feature measures, in a few words without a value, for tables and figures."""

from features.catalog import Feature

__all__ = ["feature_words"]

_WORDS = {
    "count": ("{label}, number in the last {days} days", "{label}, Anzahl in den letzten {days} Tagen"),
    "decayed_count": (
        "{label}, weighted by recency (half-life {days} days)",
        "{label}, nach Aktualität gewichtet (Halbwertszeit {days} Tage)",
    ),
    "days_since_last": ("{label}, days since the latest", "{label}, Tage seit dem letzten Mal"),
    "days_since_first": ("{label}, days since the first", "{label}, Tage seit dem ersten Mal"),
    "distinct_days": ("{label}, different days in the last {days} days", "{label}, verschiedene Tage in {days} Tagen"),
    "distinct_channels": ("{label}, channels in the last {days} days", "{label}, Kanäle in den letzten {days} Tagen"),
    "distinct_assets": (
        "{label}, different pages and materials in {days} days",
        "{label}, verschiedene Seiten und Materialien in {days} Tagen",
    ),
    "sum_value": ("{label}, total value in the last {days} days", "{label}, Gesamtwert in den letzten {days} Tagen"),
    "attribute": ("{label} (attribute)", "{label} (Attribut)"),
}


def feature_words(feature: Feature, language: str) -> str:
    """Say what a feature measures.

    Parameters
    ----------
    feature : Feature
        Of the catalog.
    language : {"en", "de"}
        Of the answer.

    Examples
    --------
    >>> from features.params import Label
    >>> pricing = Label(en="views of the pricing page", de="Aufrufe der Preisseite")
    >>> feature = Feature("count__pricing__7d", "count", "pricing", 7, "touchpoints", "engagement", 0.0, 365, pricing)
    >>> feature_words(feature, "de")
    'Aufrufe der Preisseite, Anzahl in den letzten 7 Tagen'
    """
    label = feature.label.de if language == "de" else feature.label.en
    words = _WORDS[feature.operation][language == "de"]
    return words.format(label=label, days=feature.window_days or feature.observation_days)
