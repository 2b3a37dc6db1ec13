"""What the models of one service are called: by requests, keys, metrics and the store."""

import re

__all__ = ["DEFAULT_MODEL", "LONGEST_NAME", "MODEL_PATTERN", "MOST_MODELS", "is_model_name"]

DEFAULT_MODEL = "leads"
"""The one model of a service that names none, and what stored rows of earlier versions belong to."""

MOST_MODELS = 8
"""Each takes memory in each worker, and a series of each metric."""

LONGEST_NAME = 31
MODEL_PATTERN = rf"[a-z][a-z0-9_]{{0,{LONGEST_NAME - 1}}}"


def is_model_name(text: str) -> bool:
    """Tell whether a model may be called so.

    Examples
    --------
    >>> [is_model_name(text) for text in ("leads", "market_at", "Upsell", "", "a" * 32)]
    [True, True, False, False, False]
    """
    return re.fullmatch(MODEL_PATTERN, text) is not None
