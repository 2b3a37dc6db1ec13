"""The model card and the report: what they say, in both languages, from one file without addresses of others."""

import dataclasses
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from models.analyses import ANALYSES
from models.params import TrainParams
from models.presentation.drawing import panel_svg, png
from models.presentation.terminal import calibration_note
from models.quality.evaluation import CLASS_NAMES
from pipeline.mlflow_runs.summary import run_description
from pipeline.pages import pictures
from pipeline.pages.charts import FIGURES, chart, read_plots
from pipeline.pages.memorisation import training_id
from pipeline.pages.model_card import model_card
from pipeline.pages.report_page import figures_page, report_page
from pipeline.pages.target_words import WORDS
from pipeline.pages.trained import Feature, Trained
from pipeline.params import MemorisationParams

METADATA = {
    "source": "simulated",
    "clock": "real",
    "exported_at": "2024-12-01T00:00:00+00:00",
    "risk_set": "mql",
    "label_days": 45,
    "recording_delay_days": 2,
    "observation_days": 365,
    "split_mode": "grouped",
    "label_purge": True,
    "cross_fit_folds": 0,
    "rows": 600,
    "leads": 500,
    "positives": 150,
    "data_used_from": "2024-01-01T00:00:00+00:00",
    "data_used_until": "2024-05-29T18:00:00+00:00",
    "rounds": 40,
    "known_at_export": [],
    "data_sha256": "ab" * 32,
}
SLICE = {
    "rows": 360,
    "headline": 123,
    "positives": 99,
    "first": "2024-01-01T00:00:00+00:00",
    "last": "2024-03-30T18:00:00+00:00",
}


class Text(HTMLParser):
    """Collects the text of each language, and the tags that are open at the end."""

    VOID = ("meta", "input", "img", "br", "link")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, str]] = []
        self.text = {"en": "", "de": ""}
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [value for key in ("src", "href") if (value := given.get(key))]
        if tag not in self.VOID:
            language = given.get("lang") if given.get("class") == "text" else None
            self.open.append((tag, language or (self.open[-1][1] if self.open else "")))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        language = self.open[-1][1] if self.open else ""
        if language:
            self.text[language] += data + " "


def read(html: str) -> Text:
    parsed = Text()
    parsed.feed(html)
    assert not parsed.open
    return parsed


@pytest.fixture
def trained(evaluated: dict[str, Any], segments: dict[str, Any]) -> Trained:
    return Trained(
        metadata=METADATA,
        result=evaluated["result"],
        split={"slices": {"train": SLICE, "test": SLICE}, "dropped": {"label_purge": 17, "immature": 5}},
        features=[Feature("count__pricing__7d", {"en": "views of <pricing>", "de": "Aufrufe der Preise"}, 0.75)],
        cutoffs={"A": 0.4123, "B": 0.2, "C": 0.1},
        calibration="sigmoid",
        fingerprint="cd" * 32,
        bundle_sha256="ef" * 32,
        feature_count=146,
        plots=evaluated["plots"],
        every_days=7,
        expire_days=120,
        hashes={"data/raw": "12" * 16 + ".dir"},
        segments=segments,
    )


def test_card_states_label_population_slices_and_hashes_in_both_languages(trained: Trained) -> None:
    text = read(model_card(trained)).text
    for language, words in {
        "en": [
            "[snapshot_at, snapshot_at + 45 days)",
            "every 7 days",
            "at most 120 days",
            "Mar 30, 2024",
            "no account is on both",
        ],
        "de": [
            "[snapshot_at, snapshot_at + 45 Tage)",
            "alle 7 Tage",
            "höchstens 120 Tage",
            "30.03.2024",
            "kein Unternehmen",
        ],
    }.items():
        for word in [*words, "cd" * 32, "ef" * 32, "ab" * 32, "12" * 16 + ".dir", "146"]:
            assert word in text[language], (language, word)
    assert "label window reaches into the next slice (17)" in text["en"]
    assert "views of <pricing>" in text["en"]
    assert "41.2%" in text["en"]
    assert "41,2\u00a0%" in text["de"]


def test_a_wrong_level_is_not_put_down_to_a_base_rate_that_stood_still(trained: Trained) -> None:
    result = {**trained.result, "train_base_rate": 0.3, "base_rate": 0.3, "level_error": -0.1}
    card = read(model_card(dataclasses.replace(trained, result=result))).text
    assert "level error -0.100" in card["en"]
    assert "base rate was 30.0% in training and 30.0% in the test" in card["en"]
    assert "Niveaufehler -0,100" in card["de"]
    assert "im Training 30,0\u00a0%, im Test 30,0\u00a0%" in card["de"]
    report = read(report_page(dataclasses.replace(trained, result=result))).text
    assert "level error -0.100" in report["en"]
    assert "Niveaufehler -0,100" in report["de"]
    note = calibration_note(result)
    assert "level error -0.100" in note
    assert "base rate 30.0% in training, 30.0% in the test" in note
    assert "base rate moved" not in note + card["en"] + report["en"]


def test_card_shows_each_metric_with_its_interval_beside_the_baselines(trained: Trained) -> None:
    text = read(model_card(trained)).text
    for name, metrics in (
        ("product", trained.result["product"]),
        ("points table", trained.result["baselines"]["points"]),
    ):
        assert name in text["en"]
        auc = metrics["auc"]
        assert f"{auc['low']:.3f}–{auc['high']:.3f}" in text["en"]
        assert f"{auc['low']:.3f}–{auc['high']:.3f}".replace(".", ",") in text["de"]
    assert "naive Bayes" not in text["en"]  # not measured, so not shown


def test_a_source_without_clock_says_so_and_dates_nothing(trained: Trained) -> None:
    card = dataclasses.replace(
        trained, metadata={**METADATA, "clock": "ordinal", "known_at_export": ["visits"], "label_purge": False}
    )
    text = read(model_card(card)).text
    assert "No clock" in text["en"]
    assert "Keine Uhr" in text["de"]
    assert "Known only as of the export: visits" in text["en"]
    assert "within 45 days" not in text["en"]
    assert not re.search(r"\d{4}-\d{2}-\d{2}|[A-Z][a-z]{2} \d+, \d{4}", text["en"].replace("Nov 2024", ""))
    assert "No clock" not in read(model_card(trained)).text["en"]


def test_customers_are_described_as_customers(trained: Trained) -> None:
    card = dataclasses.replace(trained, metadata={**METADATA, "risk_set": "customers", "split_mode": "time"})
    text = read(model_card(card)).text["en"]
    assert "existing customer orders again within 45 days" in text
    assert "accounts may be on both sides" in text


@pytest.mark.parametrize("purchase", sorted(set(WORDS) - {"sales_qualified"}))
def test_an_upsell_model_never_speaks_of_qualification(trained: Trained, purchase: str) -> None:
    metadata = {**METADATA, "risk_set": "customers", "purchase": purchase, "known_at_export": ["visits"]}
    upsell = dataclasses.replace(trained, metadata=metadata)
    for html in (model_card(upsell), report_page(upsell)):
        for language, text in read(html).text.items():
            assert not re.search(r"mql|qualif|marketing-|leads of", text, re.IGNORECASE), (language, text)
            spoken = WORDS[purchase].spoken(language)
            for word in (spoken.rows, spoken.task):
                assert word.lower() in text.lower(), word
    rows = [{"probability": 0.0, "label": label, "share": 1.0} for label in CLASS_NAMES[purchase]]
    for language in ("en", "de"):
        series = chart("score_distribution", rows, language, purchase).panels[0].series
        spoken = WORDS[purchase].spoken(language)
        assert [(one.name, list(one.y)) for one in series] == [(spoken.no, [1.0]), (spoken.yes, [1.0])]
    description = run_description(metadata, trained.result)
    assert f"P({WORDS[purchase].chance} within 45 days" in description
    assert not re.search(r"mql|qualif", description, re.IGNORECASE)


def test_the_definition_of_more_names_both_windows(trained: Trained) -> None:
    metadata = {**METADATA, "risk_set": "customers", "purchase": "more"}
    text = read(model_card(dataclasses.replace(trained, metadata=metadata))).text
    assert "sum to more than those in [snapshot_at - 45 days, snapshot_at)" in " ".join(text["en"].split())
    assert "mehr ergeben als die in [snapshot_at - 45 Tage, snapshot_at)" in " ".join(text["de"].split())


def test_few_positives_and_a_missing_purge_are_warned_of(trained: Trained) -> None:
    few = {**trained.result, "positives": 42}
    for mode, said in (("grouped", "labels of other accounts reach"), ("time", "of the same accounts too, reach")):
        metadata = {**METADATA, "label_purge": False, "split_mode": mode}
        text = read(model_card(dataclasses.replace(trained, result=few, metadata=metadata))).text["en"]
        assert "Only 42 positives" in text
        assert text.count(said) == 2  # beside the figures, and in the definition of the split


def test_undefined_metrics_are_dashes(trained: Trained) -> None:
    nothing = {"value": None, "low": None, "high": None}
    product = dict.fromkeys(trained.result["product"], nothing)
    text = read(model_card(dataclasses.replace(trained, result={**trained.result, "product": product}))).text["en"]
    assert "–" in text
    assert "None" not in text
    assert "nan" not in text.lower().split()


@pytest.mark.parametrize("write", [model_card, report_page, figures_page])
def test_pages_are_self_contained_and_the_same_each_time(trained: Trained, write: Any) -> None:
    html = write(trained)
    assert html == write(trained)
    parsed = read(html)
    beside = {"report.html", "model_card.html", "figures.html", "audit.html", *(f"{name}.html" for name in ANALYSES)}
    assert set(parsed.addresses) & beside == beside - {f"{write.__name__.removesuffix('_page')}.html"}
    pictures_of_page = set(parsed.addresses) - beside
    assert all(address.startswith("data:image/svg+xml;base64,") for address in pictures_of_page)
    assert bool(pictures_of_page) == (write is not figures_page)
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.(?!data:)", html.partition("<script")[0])
    assert "@import" not in html
    assert "style=" not in html.partition("<script")[0]


def test_a_figure_on_several_pages_is_drawn_once(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[str, str]] = []
    draw = pictures.draw

    def counted(name: str, rows: Any, language: str, target: str) -> pictures.Picture:
        drawn.append((name, language))
        return draw(name, rows, language, target)

    monkeypatch.setattr("pipeline.pages.trained.draw", counted)
    pages = report_page(trained), model_card(trained)
    assert len(drawn) == len(set(drawn))
    shown = [set(re.findall(r"data:image/svg\+xml;base64,([^\"]+)", text)) for text in pages]
    assert shown[0] & shown[1]
    assert dataclasses.replace(trained).drawn == {}  # a changed model shows nothing of another


def test_report_leads_with_what_capacity_finds(trained: Trained) -> None:
    found = trained.result["product"]["precision_at_capacity"]["value"] * 60 / trained.result["positives"]
    assert f"finds {100 * found:.0f}% of the qualified, " in read(report_page(trained)).text["en"]
    more = dataclasses.replace(trained, metadata={**METADATA, "risk_set": "customers", "purchase": "more"})
    assert f"finds {100 * found:.0f}% of those who order for more, " in read(report_page(more)).text["en"]


def test_a_customer_s_rows_are_customer_months(trained: Trained) -> None:
    assert "risk periods" in read(model_card(trained)).text["en"]
    customers = dataclasses.replace(trained, metadata={**METADATA, "risk_set": "customers"})
    text = read(model_card(customers)).text
    assert "customer-months" in text["en"]
    assert "risk period" not in text["en"]
    assert "Kundenmonate" in text["de"]


def test_segments_fairness_and_population_are_on_the_card_in_both_languages(trained: Trained) -> None:
    text = {code: " ".join(words.split()) for code, words in read(model_card(trained)).text.items()}
    for words in (
        "In 1 of them the mean probability lies apart",
        "1 remains.",
        "channel not known : predicted 31.0%, observed 30.0%",
        "Too few to measure (fewer than 30 positives or negatives; positives of rows): trade fair (17 of 87).",
        "-21.0 (-30.0 to -9.0)",
        "views count__pricing__7d 0.310 0.003 changed",
        "training refuses rows of anybody who did so since",
    ):
        assert words in text["en"], words
    for words in (
        "bleibt 1.",
        "Kanal unbekannt : vorhergesagt 31,0 %, beobachtet 30,0 %",
        "-21,0 (-30,0 bis -9,0)",
        "verändert",
        "das Training verweigert Zeilen von allen, bei denen das seither geschah",
    ):
        assert words in text["de"], words


def test_the_card_says_what_the_model_remembers_or_that_nobody_measured_it(trained: Trained) -> None:
    train = TrainParams(num_leaves=15, min_data_in_leaf=40)
    of = training_id(METADATA["data_sha256"], train)
    figures = {"loss": 0.029, "loss_bound": 0.056, "ratio": 0.244, "ratio_bound": 0.275, "log_loss": 0.3168}
    safest = {"safest_num_leaves": 4, "safest_min_data_in_leaf": 640, "safest_bound": 0.091, "safest_log_loss": 0.3151}
    measured = MemorisationParams(of=of, accounts=2060, **figures, **safest)
    card = model_card(dataclasses.replace(trained, train=train, memorisation=measured))
    text = {code: " ".join(words.split()) for code, words in read(card).text.items()}
    assert "an advantage of 0.03 (upper 95% bound 0.06) by a threshold on the loss, and 0.24 (0.28)" in text["en"]
    assert "It is not kept." in text["en"]
    assert (
        "num_leaves 4 with min_data_in_leaf 640 remembers least: a bound of 0.09 at a log loss of 0.3151." in text["en"]
    )
    assert "einem Vorteil von 0,03 (obere 95-%-Schranke 0,06)" in text["de"]
    other = dataclasses.replace(trained, train=TrainParams(num_leaves=4), memorisation=measured)
    for unmeasured in (trained, other):
        text = {code: " ".join(words.split()) for code, words in read(model_card(unmeasured)).text.items()}
        assert "Not measured for this training. To measure it: python -m bench.memorisation --record" in text["en"]
        assert "Für dieses Training nicht gemessen." in text["de"]


def test_the_report_lays_out_every_segment(trained: Trained) -> None:
    text = {code: " ".join(words.split()) for code, words in read(report_page(trained)).text.items()}
    assert "paid search 150 40 30.0% 31.0% +1.0 -2.0 to +4.0 0.700 0.600–0.800" in text["en"]
    assert "unbekannt 63 40 30,0 % 31,0 % +9,8 +4,0 bis +15,0" in text["de"]
    many = [{"value": f"v{i}", "rows": 9, "positives": 1, "base_rate": 0.1, "measured": False} for i in range(8)]
    none = {**trained.segments, "compared": 0, "by": {"channel": many}, "fairness": {}}
    text = " ".join(read(report_page(dataclasses.replace(trained, segments=none))).text["en"].split())
    assert "so none was measured" in text
    assert "v4 (1 of 9), 3 more (3 of 27)" in text
    card = read(model_card(dataclasses.replace(trained, segments=none))).text["en"]
    assert "No segments are configured for it" in card


def test_the_verdict_and_the_intervals_promise_are_shown_where_they_are_known(trained: Trained) -> None:
    sentence = {"en": "No <signal>.", "de": "Kein <Signal>."}
    coverage = {"share": 0.94, "nominal": 0.9, "groups": 50, "width": 0.11}
    result = {**trained.result, "verdict": {"code": "no_forward_signal", "sentence": sentence}}
    told = dataclasses.replace(trained, result={**result, "interval_coverage": coverage})
    for write in (model_card, report_page):
        html = write(told)
        assert '<p class="box warning">No &lt;signal&gt;.</p>' in html
        assert "Kein <Signal>." in read(html).text["de"]
        assert "&lt;signal" not in write(trained)
    assert "in 94% of 50 groups" in read(model_card(told)).text["en"]
    result["verdict"]["code"] = "forward_signal"
    assert "<p>No &lt;signal&gt;.</p>" in model_card(dataclasses.replace(trained, result=result))


def test_pages_without_segments_say_nothing_of_them(trained: Trained) -> None:
    without = dataclasses.replace(trained, segments=None)
    for write in (model_card, report_page):
        assert "By month and by segment" not in write(without)


def test_the_figures_to_explore_need_no_network_and_hold_every_figure_in_each_language(trained: Trained) -> None:
    html = figures_page(dataclasses.replace(trained, metadata={**METADATA, "source": "F </script>"}))
    assert "F </script>" not in html
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert data
    held = json.loads(data.group(1))
    for code in ("en", "de"):
        panels = {
            f"{name}-{place}"
            for name in FIGURES
            for place, _ in enumerate(chart(name, trained.plots[name], code).panels)
        }
        assert set(held["specs"][code]) == panels
        for name in panels:
            assert f'id="{code}-{name}"' in html
    assert held["formats"]["de"]["decimal"] == ","
    without = figures_page(dataclasses.replace(trained, plots={**trained.plots, "by_month": []}))
    assert 'id="en-by_month-0"' not in without
    assert 'id="en-by_segment-0"' in without


@pytest.mark.parametrize("name", FIGURES)
def test_figures_depend_on_rows_and_language_only(evaluated: dict[str, Any], name: str) -> None:
    rows = evaluated["plots"][name]
    once, again, german = (chart(name, rows, language) for language in ("en", "en", "de"))
    drawn = [panel_svg(panel, "en") for panel in once.panels]
    assert drawn == [panel_svg(panel, "en") for panel in again.panels]
    assert drawn != [panel_svg(panel, "de") for panel in german.panels]
    assert all(svg.startswith("<svg") for svg in drawn)
    assert drawn != [panel_svg(panel, "en") for panel in chart(name, rows[:1]).panels]
    assert png(once, "en").startswith(b"\x89PNG")


def test_missing_plot_rows_name_the_stage(tmp_path) -> None:
    from features.errors import DataError

    with pytest.raises(DataError, match=r"roc\.json: no such file. Run `dvc repro evaluate`"):
        read_plots(tmp_path)
