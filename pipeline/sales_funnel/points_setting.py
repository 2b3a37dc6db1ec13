"""What the points audit takes from `params.yaml`."""

from typing import NamedTuple

from features.params import FeaturesParams
from models.params import CapacityParams, EvaluateParams, PointsParams
from pipeline.params import LabelsParams

__all__ = ["PointsSetting", "rule_labels"]


class PointsSetting(NamedTuple):
    """The parameter sections that the audit takes."""

    points: PointsParams
    features: FeaturesParams
    labels: LabelsParams
    capacity: CapacityParams
    evaluate: EvaluateParams


def rule_labels(name: str, features: FeaturesParams) -> dict[str, str]:
    """Give the company's words for a rule, by language; its name where it has none."""
    label = features.selectors[name].label
    return {"en": name} if label is None else {"en": label.en, "de": label.de}
