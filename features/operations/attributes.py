"""What a lead or account is, and how much of that is not known."""

from features.operations.operation import SILENT, Operation
from features.wording.attribute import attribute_text, missing_text
from features.wording.phrases import FeatureValue, Pair

__all__ = ["OPERATIONS"]


def _attribute(feature: FeatureValue) -> str:
    return attribute_text(feature.selector, feature.unit, feature.categories, feature.value, feature.language)


OPERATIONS = (
    Operation(
        name="attribute",
        unit="",
        spans="once",
        group="attributes",
        empty=float("nan"),
        kernel="none",
        asked_by="built_in",
        meaning=Pair("{label} (attribute)", "{label} (Attribut)"),
        words=_attribute,
        polarity=SILENT,
    ),
    Operation(
        name="missing",
        unit="attributes",
        spans="once",
        group="attributes",
        empty=0.0,
        kernel="none",
        asked_by="built_in",
        meaning=Pair("attributes of the {selector} that are not known", "unbekannte Merkmale ({selector})"),
        words=lambda feature: missing_text(feature.selector, feature.value, feature.language),
        polarity=SILENT,
    ),
)
"""In column order."""
