"""What the model card and the report share: their input, and the tables that both show. English and German."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from models.bundle import target_of
from models.quality.model_words import MODEL_WORDS
from models.quality.purge_words import purge_sentence
from pipeline.leakage.finding import Finding
from pipeline.pages.charts import with_words
from pipeline.pages.html import box, interval, number, percent, table, tiles
from pipeline.pages.target_words import WORDS, TargetWords

__all__ = [
    "METRIC_WORDS",
    "Feature",
    "Trained",
    "headline_tiles",
    "importance_table",
    "metrics_table_html",
    "plots_with_words",
    "say",
    "verdict_part",
    "verdict_sentence",
    "warnings",
]

METRIC_WORDS: dict[str, tuple[str, str, int]] = {
    "auc": ("AUC", "AUC", 3),
    "average_precision": ("average precision", "mittlere Trefferquote (AP)", 3),
    "precision_at_capacity": ("precision at capacity", "Trefferquote bei Kapazität", 3),
    "lift_at_capacity": ("lift at capacity", "Lift bei Kapazität", 2),
    "log_loss": ("log loss", "Log-Loss", 3),
    "brier": ("Brier score", "Brier-Score", 3),
    "ece": ("calibration error", "Kalibrierungsfehler", 3),
}
FEW_POSITIVES = 100


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
    """A trained and evaluated model, as the pages need it: plain values only.

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
        As `pipeline.pages.plots.read_plots` returns them.
    every_days, expire_days : int or None
        The `snapshots` section.
    hashes : mapping of str to str
        Path to content hash, from `dvc.lock`.
    segments : mapping or None
        `segments.json`; None: the test was not cut.
    findings : sequence of Finding
        Of the leakage audit.
    drawn : dict
        Name and language to the PNG of a figure, once it is drawn; see `pipeline.pages.pictures`.
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
    drawn: dict[tuple[str, str], bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

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


def plots_with_words(trained: Trained) -> dict[str, list[dict[str, Any]]]:
    """Give the rows behind the figures, features with their plain words."""
    words = {item.name: {f"text_{code}": text for code, text in item.text.items()} for item in trained.features}
    plots = dict(trained.plots)
    return plots | {"feature_importance": with_words(plots["feature_importance"], words)}


def say(language: str, en: str, de: str) -> str:
    """Pick the text of a language."""
    return en if language == "en" else de


def headline_tiles(trained: Trained, language: str) -> str:
    """Show the four figures that people ask for first, each with its interval and the best baseline."""
    shown = []
    for metric in ("auc", "average_precision", "lift_at_capacity", "ece"):
        en, de, digits = METRIC_WORDS[metric]
        own = trained.result["product"][metric]
        beside = {
            name: values[metric]["value"]
            for name, values in trained.result["baselines"].items()
            if values and values.get(metric) and values[metric]["value"] is not None and name != "base_rate"
        }
        note = [interval(own, digits, language)]
        if beside and metric != "ece":
            best = max(beside, key=lambda name: beside[name])
            words = MODEL_WORDS.get(best, {}).get(language, best)
            note.append(f"{words}: {number(beside[best], digits, language)}")
        elif metric == "ece":
            level = number(trained.result.get("level_error"), digits, language)
            note.append(say(language, f"level error {level}", f"Niveaufehler {level}"))
        shown.append((say(language, en, de), number(own["value"], digits, language), note))
    return tiles(shown)


def verdict_sentence(result: Mapping[str, Any], language: str) -> str:
    """Say whether the model finds a signal on later leads, in the words of `evaluate.json`; empty where it has none."""
    verdict = result.get("verdict")
    words = verdict.get("sentence") if isinstance(verdict, Mapping) else None
    if not isinstance(verdict, Mapping) or not isinstance(words, Mapping):
        return ""
    parts = (words, verdict.get("ladder"), verdict.get("purge"))
    said = [str(part.get(language, "")) for part in parts if isinstance(part, Mapping)]
    return " ".join(part for part in said if part)


def verdict_part(trained: Trained, language: str) -> str:
    """Show the verdict, as a warning where it is one; HTML, empty where there is none."""
    sentence = verdict_sentence(trained.result, language)
    if not sentence:
        return ""
    return f"<p>{escape(sentence)}</p>" if trained.result["verdict"].get("code") == "forward_signal" else box(sentence)


def metrics_table_html(result: Mapping[str, Any], language: str) -> str:
    """Lay out every metric of the product and of each baseline, with 95 % intervals below the values."""
    head = [say(language, "model", "Modell"), *(say(language, en, de) for en, de, _ in METRIC_WORDS.values())]
    rows = []
    for name, metrics in {"product": result["product"], **result["baselines"]}.items():
        if metrics is None:
            continue
        cells = [escape(MODEL_WORDS.get(name, {}).get(language, name.replace("_", " ")))]
        for metric, (_, _, digits) in METRIC_WORDS.items():
            value = metrics.get(metric)
            below = interval(value, digits, language)
            shown = number(value["value"], digits, language) if value else "–"
            cells.append(shown + (f"<br><small>{below}</small>" if below else ""))
        rows.append(cells)
    return table(head, rows, strong=0)


def importance_table(features: Sequence[Feature], language: str) -> str:
    """List features with their plain meaning and their share of the total split gain."""
    top = max([feature.share for feature in features], default=1.0) or 1.0
    rows = "".join(
        f"<tr><td>{escape(feature.text[language])}<br><small><code>{escape(feature.name)}</code></small></td>"
        f'<td class="bar"><span style="width:{100 * feature.share / top:.1f}%"></span></td>'
        f'<td class="right">{percent(feature.share, language)}</td></tr>'
        for feature in features
    )
    head = "".join(
        f"<th{' colspan=2' if last else ''}>{text}</th>"
        for last, text in (
            (False, say(language, "feature", "Merkmal")),
            (True, say(language, "share of the total split gain", "Anteil am gesamten Split-Gewinn")),
        )
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def warnings(trained: Trained, language: str) -> str:
    """Say what a reader must know before trusting the figures; empty when there is nothing."""
    out = []
    known = trained.metadata.get("known_at_export") or []
    read_at = say(language, *trained.words.read_at)
    if trained.ordinal:
        out.append(
            say(
                language,
                "No clock: the times of this source are only an order. There are no windows, no maturity, "
                "and nothing can be said about when to hand over.",
                "Keine Uhr: Die Zeiten dieser Quelle sind nur eine Reihenfolge. Es gibt keine Zeitfenster und keine Reife, "
                "und über den Zeitpunkt der Übergabe lässt sich nichts sagen.",
            )
        )
    if known:
        names = ", ".join(known)
        out.append(
            say(
                language,
                f"Known only as of the export: {names}. These attributes may have changed after the outcome, so the figures "
                f"may be too good. Don't rely on them before the same attributes are read {read_at}.",
                f"Nur zum Exportzeitpunkt bekannt: {names}. Diese Merkmale können sich nach dem Ausgang geändert haben; die "
                f"Kennzahlen sind möglicherweise zu gut. Erst belastbar, wenn sie {read_at} gelesen werden.",
            )
        )
    if trained.result["positives"] < FEW_POSITIVES:
        count = number(trained.result["positives"], 0, language)
        out.append(
            say(
                language,
                f"Only {count} positives in the test: look at the intervals, not at the values.",
                f"Nur {count} positive Fälle im Test: Die Intervalle zählen, nicht die Werte.",
            )
        )
    if said := purge_sentence(trained.metadata)[language]:
        out.append(said)
    return "".join(box(text) for text in out)
