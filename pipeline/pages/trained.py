"""A trained and evaluated model as the pages need it: plain values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from features.feature import Feature as CatalogFeature
from models.bundle import Bundle, target_of
from models.params import TrainParams
from models.presentation.catalogues import LANGUAGES
from pipeline.leakage.finding import Finding
from pipeline.pages.pictures import Picture, draw
from pipeline.pages.target_words import WORDS, TargetWords
from pipeline.params import MemorisationParams

__all__ = ["TOP_FEATURES", "Feature", "Trained", "top_features", "verdict_sentence", "with_words"]

TOP_FEATURES = 20
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Feature:
    """One feature in plain words.

    Attributes
    ----------
    name : str
        As in the catalog.
    text : dict of str to str
        Language to words.
    share : float
        Of the total split gain, in [0, 1].
    """

    name: str
    text: Mapping[str, str]
    share: float


@dataclass(frozen=True)
class Trained:
    """A trained and evaluated model.

    Attributes
    ----------
    metadata : mapping
        The bundle's.
    result, split : mapping
        `evaluate.json` and `split.json`.
    features : sequence of Feature
        The most used ones, best first.
    cutoffs : mapping of str to float
        Tier to the lowest probability in it.
    calibration : str
        The method chosen.
    fingerprint, bundle_sha256 : str
        Of the catalog, and of the bundle.
    feature_count : int
        Length of the catalog.
    plots : mapping of str to list of rows
        As `pipeline.pages.charts.read_plots` returns them.
    every_days, expire_days : int or None
        The `snapshots` section.
    hashes : mapping of str to str
        Path to content hash, from `dvc.lock`.
    segments : mapping or None
        `segments.json`; None: the test was not cut.
    findings : sequence of Finding
        Of the leakage audit.
    train : TrainParams or None
        The trees' parameters.
    memorisation : MemorisationParams or None
        What was measured of some training; None: nothing.
    drawn : dict
        Name and language to a figure, once it is drawn: several pages show it.
    """

    metadata: Mapping[str, Any]
    result: Mapping[str, Any]
    split: Mapping[str, Any]
    features: Sequence[Feature]
    cutoffs: Mapping[str, float]
    calibration: str
    fingerprint: str
    bundle_sha256: str
    feature_count: int
    plots: Mapping[str, list[dict[str, Any]]]
    every_days: int | None
    expire_days: int | None
    hashes: Mapping[str, str] = field(default_factory=dict)
    segments: Mapping[str, Any] | None = None
    findings: Sequence[Finding] = ()
    train: TrainParams | None = None
    memorisation: MemorisationParams | None = None
    drawn: dict[tuple[str, str], Picture] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def ordinal(self) -> bool:
        """Whether the source's times are only an order."""
        return bool(self.metadata.get("clock") == "ordinal")

    @property
    def customers(self) -> bool:
        """Whether existing customers are looked at instead of marketing-qualified leads."""
        return bool(self.metadata.get("risk_set") == "customers")

    @property
    def target(self) -> str:
        """What is predicted, as a key of `pipeline.pages.target_words.WORDS`."""
        return target_of(self.metadata)

    @property
    def words(self) -> TargetWords:
        """How to speak of it."""
        return WORDS[self.target]

    def worded_plots(self) -> dict[str, list[dict[str, Any]]]:
        """Give the rows behind the figures, features with their plain words."""
        texts = {item.name: {f"text_{code}": text for code, text in item.text.items()} for item in self.features}
        return dict(self.plots) | {"feature_importance": with_words(self.plots["feature_importance"], texts)}

    def picture(self, name: str, language: str) -> Picture:
        """Draw a figure, or give it as it was drawn for another page."""
        picture = self.drawn.get((name, language))
        if picture is None:
            picture = draw(name, self.worded_plots()[name], language, self.target)
            self.drawn[name, language] = picture
        return picture


def top_features(bundle: Bundle, count: int = TOP_FEATURES) -> list[Feature]:
    """List the features that the model uses most, with plain words; best first."""
    gains = {name: float(gain) for name, gain in bundle.classifier.importance().items() if gain > 0}
    total = sum(gains.values()) or 1.0
    by_name = {feature.name: feature for feature in bundle.catalog.features}
    most_used = sorted(gains, key=lambda name: (-gains[name], name))[:count]
    return [Feature(name, _meanings(by_name[name]), gains[name] / total) for name in most_used]


def _meanings(feature: CatalogFeature) -> dict[str, str]:
    return {code: feature.meaning(code) for code in LANGUAGES}


def with_words(rows: Rows, texts: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """Add plain words to rows that name a feature."""
    return [{**row, **texts.get(str(row["feature"]), {})} for row in rows]


def verdict_sentence(result: Mapping[str, Any], language: str) -> str:
    """Say whether the model finds a signal on later leads, in the words of `evaluate.json`; empty where it has none."""
    verdict = result.get("verdict")
    if not isinstance(verdict, Mapping) or not isinstance(verdict.get("sentence"), Mapping):
        return ""
    parts = (verdict["sentence"], verdict.get("ladder"), verdict.get("purge"))
    texts = [str(part.get(language, part.get("en", ""))) for part in parts if isinstance(part, Mapping)]
    return " ".join(text for text in texts if text)
