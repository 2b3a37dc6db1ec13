"""What people call the product and its baselines."""

from models.presentation.catalogues import n_, words

__all__ = ["model_name"]

NAMES = {
    "product": n_("product"),
    "base_rate": n_("base rate"),
    "logistic_regression": n_("logistic regression"),
    "points": n_("points table"),
    "odoo_formula": n_("naive Bayes (Odoo)"),
    "untuned_lightgbm": n_("untuned LightGBM"),
    "rfm": n_("recency, frequency, value (RFM)"),
}


def model_name(name: str, language: str) -> str:
    """Name a model for people; one without a name of its own by its code.

    Examples
    --------
    >>> model_name("points", "en"), model_name("untuned_lightgbm", "de"), model_name("my_model", "de")
    ('points table', 'LightGBM ohne Tuning', 'my model')
    """
    return words(language).say(NAMES[name]) if name in NAMES else name.replace("_", " ")
