"""What people call the product and its baselines, in English and German."""

__all__ = ["MODEL_WORDS"]

MODEL_WORDS: dict[str, dict[str, str]] = {
    "product": {"en": "product", "de": "Produkt"},
    "base_rate": {"en": "base rate", "de": "Grundrate"},
    "logistic_regression": {"en": "logistic regression", "de": "Logistische Regression"},
    "points": {"en": "points table", "de": "Punktetabelle"},
    "odoo_formula": {"en": "naive Bayes (Odoo)", "de": "Naive Bayes (Odoo)"},
    "untuned_lightgbm": {"en": "untuned LightGBM", "de": "LightGBM ohne Abstimmung"},
    "rfm": {"en": "recency, frequency, value (RFM)", "de": "Aktualität, Häufigkeit, Wert (RFM)"},
}
