"""Which models `LEAD_MODELS` names, and what is said of settings that can't be understood."""

from pathlib import Path

import pytest

from features.errors import ParameterError
from serving.scoring.served_models import served_models

CODE = Path("/code")


def test_without_the_setting_there_is_one_model_as_always() -> None:
    (only,) = served_models(CODE, {"LEAD_MODEL_NAME": "acme", "LEAD_LAST_GOOD_DIR": "/kept"})
    assert (only.name, only.registered, only.folder) == ("leads", "acme", None)
    assert (only.last_good, only.packed) == (Path("/kept"), CODE / "data" / "champion")


def test_each_model_has_its_own_source_and_its_own_copy_of_the_last_champion() -> None:
    text = " upsell=/bundles/upsell , leads, market_at=registry:acme-at@champion,"
    upsell, leads, market = served_models(CODE, {"LEAD_MODELS": text, "LEAD_BUNDLE_DIR": "/bundles/leads"})
    assert (upsell.name, upsell.registered, upsell.folder) == ("upsell", "upsell", Path("/bundles/upsell"))
    assert (leads.name, leads.folder, leads.setting) == ("leads", Path("/bundles/leads"), "LEAD_BUNDLE_DIR")
    assert (market.name, market.registered, market.folder) == ("market_at", "acme-at", None)
    assert len({model.last_good for model in (upsell, leads, market)}) == 3
    assert [model.packed for model in (upsell, market)] == [None, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Leads=/x", "'Leads' is no name of a model"),
        ("upsell", "does not say where 'upsell' comes from. Write LEAD_MODELS=leads=registry:NAME@champion"),
        ("upsell=", "does not say where 'upsell' comes from"),
        ("leads,leads=/x", "'leads' twice"),
        ("leads=registry:", "names no champion"),
        ("leads=registry:acme@challenger", "no other alias"),
        (",".join(f"m{number}=/x" for number in range(9)), "names 9 models; at most 8"),
    ],
)
def test_a_setting_that_cant_be_understood_says_what_is_expected(text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        served_models(CODE, {"LEAD_MODELS": text})


@pytest.mark.parametrize("other", ["LEAD_BUNDLE_DIR", "LEAD_MODEL_NAME"])
def test_two_settings_that_say_different_things_of_one_model_are_refused(other: str) -> None:
    with pytest.raises(ParameterError, match=f"LEAD_MODELS and {other} both say what 'leads' is. Unset one"):
        served_models(CODE, {"LEAD_MODELS": "leads=/x", other: "y"})
