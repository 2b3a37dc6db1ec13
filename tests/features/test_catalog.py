"""The catalog: its order and names, its fingerprint, its words.

After a wanted change: UPDATE_GOLDEN=1 python -m pytest tests/features/test_catalog.py
"""

import json
import math
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from features.attributes import AttributeSpec
from features.buyer_profile import BuyerProfile
from features.catalog import STAGES, Catalog, Learned, build_catalog
from features.errors import BundleError, ParameterError
from features.feature import default_label
from features.operations import GROUPS, OPERATIONS
from features.params import ContentParams, FeaturesParams, SelectorParams
from pipeline.params import load_params

GOLDEN = Path(__file__).with_name("golden_catalog.txt")
INDUSTRY = AttributeSpec("account", "industry", "category", "creation", ("energy", "manufacturing"))
EMPLOYEES = AttributeSpec("account", "employees", "number", "creation")
BUDGET = AttributeSpec("lead", "has_budget", "boolean", "mql")
SPECS = [INDUSTRY, EMPLOYEES, BUDGET]
LEARNED = Learned(
    kinds=("page_view", "mail_open"),
    channels=("web", "mail"),
    common_kinds=("page_view", "phone_call"),
    common_channels=("mail",),
    roles=("head of it", "purchasing"),
)


@pytest.fixture(scope="module")
def params() -> FeaturesParams:
    return load_params(("features",), Path(__file__).parents[2] / "params.yaml").features


@pytest.fixture(scope="module")
def catalog(params: FeaturesParams) -> Catalog:
    every = params.model_copy(update={"groups": GROUPS})
    return build_catalog(every, SPECS, LEARNED)


def text_of(catalog: Catalog, name: str, value: float, language: str = "en") -> str:
    return catalog.features[catalog.positions[name]].text(value, language)


def test_catalog_of_the_default_parameters_is_the_golden_one(catalog: Catalog) -> None:
    lines = [f"{len(catalog)} features"]
    for feature in catalog.features:
        days = "" if feature.window_days is None else f"{feature.window_days} d"
        lines.append(
            f"{feature.name} | {feature.group} | {days} | {feature.unit} | {feature.empty} | "
            f"{feature.meaning('en')} | {feature.meaning('de')} | {feature.text(3.0, 'en')} | {feature.text(3.0, 'de')}"
        )
    text = "\n".join(lines) + "\n"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_operations_and_stages_are_these(catalog: Catalog) -> None:
    assert {feature.operation for feature in catalog.features} == set(OPERATIONS)
    assert tuple(STAGES) == ("inquiry", "mql", "sal", "sales_qualified", "disqualified", "recycled", "customer")


def test_names_are_unique_and_groups_in_order(catalog: Catalog) -> None:
    assert len(set(catalog.names)) == len(catalog)
    groups = [feature.group for feature in catalog.features]
    assert groups == sorted(groups, key=GROUPS.index)
    assert [catalog.names[column] for column in catalog.categorical] == [
        "first_channel__all",
        "last_channel__all",
        "attribute__industry",
    ]


def test_json_round_trip_is_exact(catalog: Catalog) -> None:
    again = Catalog.from_json(catalog.to_json())
    assert again == catalog
    assert again.to_json() == catalog.to_json()
    # NaN is not equal to itself: compare the records as text
    assert repr(again.features) == repr(catalog.features)
    assert again.attributes == catalog.attributes
    assert dict(again.selectors) == dict(catalog.selectors)
    assert (again.known_kinds, again.known_channels) == (("mail_open", "page_view"), ("mail", "web"))
    assert again.known_roles == ("head of it", "purchasing")


def test_catalog_travels_to_other_processes(catalog: Catalog) -> None:
    assert catalog.matcher  # made on first use; must not hinder
    assert pickle.loads(pickle.dumps(catalog)) == catalog


def test_fingerprint_follows_all_that_gives_meaning(params: FeaturesParams, catalog: Catalog) -> None:
    every = params.model_copy(update={"groups": GROUPS})
    pricing = {**params.selectors, "pricing": SelectorParams(kind=("page_view",))}
    reordered = dict(reversed(list(params.selectors.items())))
    fewer = AttributeSpec("account", "industry", "category", "creation", ("energy",))
    others = [
        build_catalog(every, SPECS),
        build_catalog(every, SPECS[::-1], LEARNED),
        build_catalog(every, [fewer, EMPLOYEES, BUDGET], LEARNED),
        *[
            build_catalog(every, SPECS, replace(LEARNED, **{field: ()}))
            for field in ("kinds", "channels", "common_kinds", "common_channels", "roles")
        ],
        catalog.with_buyer_profile(BuyerProfile.neutral()),
        *[
            build_catalog(every.model_copy(update=update), SPECS, LEARNED)
            for update in (
                {"selectors": pricing},
                {"selectors": reordered},
                {"observation_days": 364},
                {"windows_days": (7, 28)},
                {"windows_days": (28, 7, 90)},
                {"long_windows_days": (28,)},
                {"half_lives_days": (7,)},
                {"operations": ("count",)},
                {"time_zone": "Asia/Tokyo"},
                {"working_hours": (9, 17)},
                {"visit_minutes": 31},
                {"pause_days": 15},
                {"content": ContentParams(decision=("pricing",))},
                {"sequences": (("documentation", "pricing"),)},
                {"role_attribute": None},
                {"groups": ("engagement", "attributes")},
            )
        ],
    ]
    prints = [catalog.fingerprint, *(other.fingerprint for other in others)]
    assert len(set(prints)) == len(prints)
    assert all(len(one) == 64 and int(one, 16) for one in prints)
    same = replace(LEARNED, kinds=LEARNED.kinds[::-1], channels=LEARNED.channels[::-1], roles=LEARNED.roles[::-1])
    assert build_catalog(every, SPECS, same).fingerprint == catalog.fingerprint
    elsewhere = every.model_copy(update={"engine": "spark"})
    assert build_catalog(elsewhere, SPECS, LEARNED).fingerprint == catalog.fingerprint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda stored: {**stored, "features": stored["features"][::-1]}, "The file was altered"),
        (lambda stored: {**stored, "known_kinds": []}, "The file was altered"),
        (lambda stored: {**stored, "observation_days": 300}, "The file was altered"),
        (lambda stored: {**stored, "fingerprint": "0" * 64}, "The file was altered"),
        (lambda stored: {k: v for k, v in stored.items() if k != "selectors"}, "not readable"),
        (lambda stored: {**stored, "attributes": [{"name": "x"}]}, "not readable"),
        (lambda stored: [], "not readable"),
    ],
)
def test_altered_catalog_is_refused(catalog: Catalog, change, message: str) -> None:
    altered = json.dumps(change(json.loads(catalog.to_json())))
    with pytest.raises(BundleError, match=message):
        Catalog.from_json(altered)


def test_another_definition_is_refused(catalog: Catalog, monkeypatch) -> None:
    text = catalog.to_json()
    monkeypatch.setattr("features.catalog.DEFINITION", 3)
    with pytest.raises(BundleError, match=r"\(definition 3\), stored is .* \(definition 2\)"):
        Catalog.from_json(text)


def test_selector_all_is_always_there(params: FeaturesParams) -> None:
    web = {"selectors": {"web": SelectorParams(channel=("web",))}, "content": ContentParams(), "sequences": ()}
    catalog = build_catalog(params.model_copy(update=web), [])
    assert list(catalog.selectors)[:2] == ["all", "web"]
    assert "count__all__7d" in catalog.positions
    assert text_of(catalog, "count__web__7d", 2.0, "de") == "2 web in den letzten 7 Tagen"


def test_groups_choose_the_columns(params: FeaturesParams) -> None:
    def groups_of(*groups: str) -> set[str]:
        built = build_catalog(params.model_copy(update={"groups": groups}), SPECS)
        assert bool(built.attributes) is ("attributes" in groups)
        return {feature.group for feature in built.features}

    for group in GROUPS:
        assert groups_of(group) == {group}


def test_window_of_the_whole_observation_is_not_doubled(params: FeaturesParams) -> None:
    catalog = build_catalog(params.model_copy(update={"windows_days": (7, 365)}), [])
    assert catalog.names.count("count__pricing__365d") == 1


@pytest.mark.parametrize(
    ("name", "value", "english", "german"),
    [
        (
            "count__pricing__7d",
            3,
            "opened the pricing page 3 times in the last 7 days",
            "hat in den letzten 7 Tagen 3-mal die Preisseite geöffnet",
        ),
        (
            "count__pricing__7d",
            1,
            "opened the pricing page once in the last 7 days",
            "hat in den letzten 7 Tagen 1-mal die Preisseite geöffnet",
        ),
        (
            "count__mail_open__28d",
            0,
            "has not opened a mail in the last 28 days",
            "hat in den letzten 28 Tagen kein Mal eine Mail geöffnet",
        ),
        (
            "decayed_count__ebook__7d",
            1.26,
            "about 1.3 recent e-book downloads, those 7 days old counting half",
            "E-Book-Downloads in letzter Zeit: etwa 1,3, 7 Tage alte zählen halb",
        ),
        (
            "decayed_count__ebook__7d",
            4.1e-05,
            "hardly any recent e-book downloads, those 7 days old counting half",
            "E-Book-Downloads in letzter Zeit: fast keine, 7 Tage alte zählen halb",
        ),
        (
            "days_since_last__pricing",
            4.9,
            "last opened the pricing page 4 days ago",
            "hat zuletzt vor 4 Tagen die Preisseite geöffnet",
        ),
        (
            "days_since_last__pricing",
            0.3,
            "last opened the pricing page less than a day ago",
            "hat zuletzt vor weniger als einem Tag die Preisseite geöffnet",
        ),
        (
            "days_since_last__pricing",
            math.nan,
            "has not opened the pricing page in the last 365 days",
            "hat in den letzten 365 Tagen kein Mal die Preisseite geöffnet",
        ),
        ("count__all__7d", 1, "touchpoints in the last 7 days: 1", "Kontaktpunkte in den letzten 7 Tagen: 1"),
        ("count__all__7d", 0, "no touchpoints in the last 7 days", "Kontaktpunkte in den letzten 7 Tagen: keine"),
        ("days_since_first__all", 1.5, "touchpoints: the first 1 day ago", "Kontaktpunkte: zuerst vor 1 Tag"),
        (
            "distinct_days__all__28d",
            5,
            "touchpoints on 5 different days in the last 28 days",
            "Kontaktpunkte an 5 verschiedenen Tagen in den letzten 28 Tagen",
        ),
        (
            "distinct_channels__all__90d",
            1,
            "touchpoints through 1 channel in the last 90 days",
            "Kontaktpunkte über 1 Kanal in den letzten 90 Tagen",
        ),
        (
            "distinct_assets__all__90d",
            0,
            "touchpoints with no known page or material in the last 90 days",
            "Kontaktpunkte mit keiner bekannten Seite und keinem bekannten Material in den letzten 90 Tagen",
        ),
        (
            "sum_value__all__90d",
            1234.5,
            "touchpoints, total value in the last 90 days: 1,234.5",
            "Kontaktpunkte, Gesamtwert in den letzten 90 Tagen: 1.234,5",
        ),
        ("days_since_last__created", 12.0, "lead created 12 days ago", "Lead vor 12 Tagen angelegt"),
        (
            "count__stage_recycled__365d",
            2,
            "reached stage “recycled” twice in the last 365 days",
            "hat in den letzten 365 Tagen 2-mal die Stufe „zurückgestellt“ erreicht",
        ),
        ("attribute__industry", 1, "industry: manufacturing", "Branche: manufacturing"),
        ("attribute__industry", 2, "industry: rare or new", "Branche: selten oder neu"),
        ("attribute__industry", math.nan, "industry not known", "Branche nicht bekannt"),
        ("attribute__employees", 1200.0, "employees: 1,200", "Beschäftigte: 1.200"),
        ("attribute__has_budget", 0.0, "has budget: no", "has budget: nein"),
    ],
)
def test_words(catalog: Catalog, name: str, value: float, english: str, german: str) -> None:
    assert text_of(catalog, name, value, "en") == english
    assert text_of(catalog, name, value, "de") == german


def test_every_feature_has_words_for_every_kind_of_value(catalog: Catalog) -> None:
    for feature in catalog.features:
        for language in ("en", "de"):
            more = () if feature.unit.startswith("level") else (0.004, -1.5, 123456.0)
            for value in (0.0, 1.0, 2.0, *more, *([] if feature.empty == 0 else [math.nan])):
                text = feature.text(value, language)
                assert text.strip()
                assert text.strip() == text
                assert "nan" not in text.replace("finance", "")
                assert "{" not in text


def test_words_of_what_counts_against_its_polarity_do_not_contradict_that(catalog: Catalog) -> None:
    likeness = [feature for feature in catalog.features if feature.operation.endswith("_likeness")]
    assert likeness
    for feature in likeness:
        for value in (-0.4, 0.4):
            english, german = (feature.text(value, language, against=True) for language in ("en", "de"))
            assert english.endswith(" compared with buyers'")
            assert german.endswith(" im Vergleich zu Käufern")
    feature = catalog.features[catalog.positions["attribute__industry"]]
    assert feature.text(1.0, "en", against=True) == feature.text(1.0, "en")


def test_the_selector_of_all_touchpoints_always_has_words() -> None:
    assert (default_label("all").en, default_label("all").de) == ("touchpoints", "Kontaktpunkte")
    assert default_label("pricing_page").de == "pricing page"


def test_parameters_that_make_no_catalog(params: FeaturesParams) -> None:
    def built(**update) -> Catalog:
        return build_catalog(params.model_copy(update=update), [])

    for name in ("Pricing", "a__b", "9lives", "stage_mql", "created", "", "größe"):
        with pytest.raises(ParameterError, match=f"name '{name}' is taken or not usable"):
            built(selectors={name: SelectorParams()})
    with pytest.raises(ParameterError, match="'outcome' is known at 'after'; features may use creation, mql"):
        build_catalog(params, [AttributeSpec("lead", "outcome", "boolean", "after")])
    export = AttributeSpec("lead", "visits", "number", "export")
    with pytest.raises(ParameterError, match=r"or set features\.use_known_at_export"):
        build_catalog(params, [export])
    assert build_catalog(params.model_copy(update={"use_known_at_export": True}), [export]).attributes == (export,)
    with pytest.raises(ParameterError, match="'industry' is declared 2 times"):
        build_catalog(params, [INDUSTRY, INDUSTRY])
