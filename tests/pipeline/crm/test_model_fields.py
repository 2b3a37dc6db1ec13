"""Each model's scores go to fields of its own; a file that mixes models, or a model without fields, is refused."""

from pathlib import Path

import pandas as pd
import pytest

from features.errors import DataError
from pipeline.crm.model_fields import model_of_scores, with_fields_of
from pipeline.params import CrmFields, CrmParams, load_params

USUAL, UPSELL = "lead-qualification", "acme-upsell"


@pytest.fixture
def params(root: Path, monkeypatch: pytest.MonkeyPatch) -> CrmParams:
    monkeypatch.chdir(root)
    loaded: CrmParams = load_params(("crm",)).crm
    return loaded


def _with(params: CrmParams, fields: CrmFields) -> CrmParams:
    return params.model_copy(update={"hubspot": params.hubspot.model_copy(update={"fields_of": {UPSELL: fields}})})


def test_a_file_belongs_to_one_model() -> None:
    assert model_of_scores(pd.DataFrame({"lead_id": ["L"]}), USUAL) == USUAL
    assert model_of_scores(pd.DataFrame({"lead_id": ["L"], "model": [UPSELL]}), USUAL) == UPSELL
    with pytest.raises(DataError, match="of the models acme-upsell, lead-qualification; push those of one model"):
        model_of_scores(pd.DataFrame({"lead_id": ["L", "M"], "model": [UPSELL, USUAL]}), USUAL)


def test_the_usual_model_has_the_usual_fields_and_another_one_its_own(params: CrmParams) -> None:
    assert with_fields_of(params, "hubspot", USUAL, USUAL) == params
    own = CrmFields(probability="upsell_p", tier="upsell_t", decision="upsell_d", reasons="upsell_r")
    chosen = with_fields_of(_with(params, own), "hubspot", UPSELL, USUAL)
    assert chosen.hubspot.fields == own
    assert chosen.salesforce == params.salesforce


def test_a_model_without_fields_is_refused_with_where_to_name_them(params: CrmParams) -> None:
    with pytest.raises(
        DataError, match=r"has fields of lead-qualification only.*crm\.hubspot\.fields_of: \{acme-upsell"
    ):
        with_fields_of(params, "hubspot", UPSELL, USUAL)


def test_two_models_never_share_a_field(params: CrmParams) -> None:
    fields = CrmFields(probability="upsell_p", tier=params.hubspot.fields.tier, decision="upsell_d", reasons="upsell_r")
    with pytest.raises(DataError, match="lead_tier would hold scores of acme-upsell and of lead-qualification"):
        with_fields_of(_with(params, fields), "hubspot", UPSELL, USUAL)
