"""What it means for the test figures that training labels reach into the test, in words."""

from collections.abc import Mapping
from typing import Any

from models.presentation.catalogues import by_language, n_

__all__ = ["purge_sentence"]

GROUPED = n_(
    "No label purge: training labels of other accounts reach into the test, so that the base rate of that time is known to "
    "training. No lead and no account of the test is."
)
SAME_ACCOUNTS = n_(
    "No label purge: training labels, of the same accounts too, reach into the test. The figures are too good."
)


def purge_sentence(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Say what training knows of the test's time, by language; empty where labels were purged or times are only an order.

    Parameters
    ----------
    metadata : mapping
        Of a bundle: `label_purge`, `split_mode` and `clock`.

    Examples
    --------
    >>> purge_sentence({"label_purge": True, "split_mode": "grouped", "clock": "real"})["en"]
    ''
    >>> purge_sentence({"label_purge": False, "split_mode": "grouped", "clock": "real"})["en"][:54]
    'No label purge: training labels of other accounts reac'
    """
    if metadata.get("label_purge", True) or metadata.get("clock") == "ordinal":
        return by_language("")
    return by_language(GROUPED if metadata.get("split_mode") == "grouped" else SAME_ACCOUNTS)
