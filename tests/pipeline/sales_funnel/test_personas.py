"""Personas of a simulated company are those that were planted; one rule at the MQL moment assigns every lead."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from features.errors import ParameterError
from features.timeline import DAY_US
from models.analyses.personas import Compared, Persona, Personas
from pipeline.params import load_params
from pipeline.sales_funnel.first_mqls import NEVER, FirstMqls, read_first_mqls
from pipeline.sales_funnel.journey_paths import JourneyPaths, read_paths, visits_between
from pipeline.sales_funnel.personas import find_personas, make_personas, read_attributes
from pipeline.sales_funnel.personas_names import NamedPersona, match_names, read_names, rename, traits_of, write_names
from pipeline.sales_funnel.personas_profile import behaviour_counts
from pipeline.sales_funnel.personas_yields import persona_yields, shares_of_campaigns
from tests.pipeline.sales_funnel.companies import Company, make_company

SECTIONS = ("features", "labels", "personas")


@pytest.fixture(scope="module")
def company(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Company:
    """Simulate a company whose leads follow planted personas closely."""
    return make_company(root, tmp_path_factory.mktemp("company"), leads=3600, days=540, personas=0.8)


@pytest.fixture(scope="module")
def params(root: Path) -> Any:
    return load_params(SECTIONS, root / "params.yaml")


@pytest.fixture(scope="module")
def journeys(company: Company, params: Any) -> tuple[JourneyPaths, FirstMqls]:
    paths = read_paths(company.canonical, params.features.selectors)
    return paths, read_first_mqls(company.canonical, company.risk_periods, paths)


def make(company: Company, journeys: tuple[JourneyPaths, FirstMqls], params: Any, **more: Any) -> Personas | None:
    options = {"names": [], **more}
    return make_personas(
        company.canonical, *journeys, "simulated", params.features, params.labels, params.personas, **options
    )


@pytest.fixture(scope="module")
def personas(company: Company, journeys: tuple[JourneyPaths, FirstMqls], params: Any) -> Personas:
    made = make(company, journeys, params)
    assert made is not None
    return made


def test_planted_personas_are_found_where_counts_find_none(
    company: Company, journeys: tuple[JourneyPaths, FirstMqls], params: Any
) -> None:
    paths, mqls = journeys
    customer = np.flatnonzero(mqls.bought_at < NEVER)
    until = mqls.bought_at[customer]
    attributes = read_attributes(company.canonical, paths, mqls).values
    found = find_personas(paths, mqls, attributes, customer, until, 365, params.personas)
    planted = pq.read_table(company.truth / "lead_truth.parquet").to_pandas().drop_duplicates("lead_id")
    truth = planted.set_index("lead_id")["persona"].reindex(paths.lead_ids[mqls.lead])
    seen = visits_between(paths, mqls.lead[customer], until - 365 * DAY_US, until)
    counts = behaviour_counts(paths, seen, len(customer)).contents
    plain = KMeans(4, n_init=4, random_state=0).fit((counts - counts.mean(0)) / (counts.std(0) + 1e-9)).labels_
    own = adjusted_rand_score(truth.iloc[customer], found.segments.label)
    assert own > 0.55
    assert own > adjusted_rand_score(truth.iloc[customer], plain) + 0.3
    assert found.assignment is not None
    assert adjusted_rand_score(truth, found.assignment.persona) > 0.4, "all leads, from the MQL moment alone"


def test_segments_cut_on_some_customers_are_those_of_all(
    company: Company, journeys: tuple[JourneyPaths, FirstMqls], params: Any
) -> None:
    paths, mqls = journeys
    everybody = np.arange(len(mqls))  # more than there are customers, so that some can be left out
    attributes = read_attributes(company.canonical, paths, mqls).values
    few = params.personas.model_copy(update={"half_samples": 10, "most": 4})
    found, of_some = (
        find_personas(
            paths, mqls, attributes, everybody, mqls.mql_at, 365, few.model_copy(update={"most_customers": n})
        )
        for n in (len(mqls), len(mqls) // 2)
    )
    assert (found.drawn, of_some.drawn) == (len(mqls), len(mqls) // 2)
    assert len(of_some.segments.label) == len(mqls)
    assert adjusted_rand_score(found.segments.label, of_some.segments.label) > 0.7


def test_what_follows_the_mql_moment_changes_no_assignment_of_who_did_not_buy(
    company: Company, journeys: tuple[JourneyPaths, FirstMqls], params: Any
) -> None:
    paths, mqls = journeys
    customer = np.flatnonzero(mqls.bought_at < NEVER)
    attributes = read_attributes(company.canonical, paths, mqls).values
    lead = np.repeat(np.arange(len(paths)), np.diff(paths.offsets))
    mql_at = np.full(len(paths), NEVER)
    mql_at[mqls.lead] = mqls.mql_at
    bought = np.zeros(len(paths), dtype=np.bool_)
    bought[mqls.lead[customer]] = True
    later = (paths.known_at >= mql_at[lead]) & ~bought[lead]
    few = params.personas.model_copy(update={"half_samples": 10, "most": 4})
    assert later.sum() > 1000
    other = replace(paths, channel=np.where(later, 0, paths.channel), content=np.where(later, 0, paths.content))
    one, two = (
        find_personas(item, mqls, attributes, customer, mqls.bought_at[customer], 365, few) for item in (paths, other)
    )
    assert one.assignment is not None and two.assignment is not None  # noqa: PT018
    assert np.array_equal(one.assignment.persona, two.assignment.persona)


def test_every_persona_is_described_and_measured(personas: Personas, journeys: tuple[JourneyPaths, FirstMqls]) -> None:
    mqls = journeys[1]
    assert len(personas.personas) >= 3
    assert sum(item.customers for item in personas.personas) <= personas.customers
    assert personas.open_leads == mqls.is_open.sum()
    assert personas.none_alike + sum(item.open_leads for item in personas.personas) == personas.open_leads
    assert sum(item.yields.mqls for item in personas.personas) == personas.everybody.mqls
    for persona in personas.personas:
        assert persona.returns >= personas.least_returns
        assert persona.who, persona.key
        assert persona.order == tuple(sorted(persona.order, key=lambda place: place.place))
        rate = persona.yields.sql_per_mql
        assert rate is not None and rate.low < rate.value < rate.high  # noqa: PT018
        assert rate.value == pytest.approx(persona.yields.sales_qualified / persona.yields.mqls)
        costs = persona.yields
        assert (costs.sql_per_1000 is None) == (costs.cost is None), (
            "a yield per cost where there is a cost, and only there"
        )
        assert personas.costs_known or costs.cost is None
        likeness = [item.likeness for item in persona.resembling]
        assert likeness == sorted(likeness, reverse=True)
    assert {item.name for persona in personas.personas for item in persona.who} <= {
        "role", "seniority", "industry", "country", "employees", "revenue_band", "free_mail", "newsletter",
        "existing_customer", "owner_region",
    }  # fmt: skip
    assert Personas.model_validate_json(personas.model_dump_json()) == personas


def test_yields_by_hand() -> None:
    drawn, mql = np.array(["a", "a", "a", "b", None], object), np.array(["a", "b", None], object)
    shares = shares_of_campaigns(drawn, mql, {"a": 300.0, "b": 50.0})
    assert shares.leads.tolist() == [3.0, 1.0, 1.0]
    first, second, both = persona_yields(
        np.array([0, 1, 1]), np.array([True, False, True]), shares,
        np.array([0, 1, 2]), 2, 200, 1,
    )  # fmt: skip
    assert (first["mqls"], first["sales_qualified"], first["leads"], first["cost"]) == (1, 1, 3.0, 300.0)
    assert first["sql_per_lead"]["value"] == pytest.approx(1 / 3)
    assert second["sql_per_mql"]["value"] == 0.5
    assert both["mql_per_lead"]["value"] == pytest.approx(3 / 5)
    assert (second["mqls"], second["cost"]) == (2, 50.0)
    assert second["mql_per_1000"]["value"] == pytest.approx(20.0), "the MQL of no campaign has no cost, and is left out"
    assert second["sql_per_1000"]["value"] == 0.0
    without = shares_of_campaigns(drawn, mql, None)
    assert without.cost is None


def test_too_few_customers_make_no_personas(company: Company, journeys: Any, params: Any) -> None:
    few = params.personas.model_copy(update={"min_customers": 100_000})
    sections = type("Sections", (), {"features": params.features, "labels": params.labels, "personas": few})
    assert make(company, journeys, sections) is None


def with_traits(personas: Personas, key: str) -> Persona:
    return next(persona for persona in personas.personas if persona.key == key)


def test_a_name_finds_its_persona_again(personas: Personas, tmp_path: Path) -> None:
    path = tmp_path / "persona_names.yaml"
    assert read_names(path) == []
    write_names(rename(personas.personas, [], "P2", "Prüfende Ingenieure"), path)
    turned = tuple(reversed(personas.personas))
    named = match_names(turned, read_names(path))
    assert [persona.name for persona in named if persona.key == "P2"] == ["Prüfende Ingenieure"]
    assert sum(persona.name is not None for persona in named) == 1
    again = rename(named, read_names(path), "P2", "Engineers")
    assert [entry.name for entry in again] == ["Engineers"]


def test_a_name_is_not_given_to_whom_it_does_not_mean(personas: Personas) -> None:
    stranger = NamedPersona(name="Somebody", traits={"role=pilot": 0.6, "channel:fax": 0.4})
    assert all(persona.name is None for persona in match_names(personas.personas, [stranger]))


@pytest.mark.parametrize(
    ("key", "name", "message"),
    [("P99", "x", "no such persona"), ("P1", "  ", "1 to 80 characters"), ("P1", "Taken", "another persona")],
)
def test_bad_names_are_refused(personas: Personas, key: str, name: str, message: str) -> None:
    names = rename(personas.personas, [], "P2", "Taken")
    with pytest.raises(ParameterError, match=message):
        rename(match_names(personas.personas, names), names, key, name)


def test_a_broken_file_of_names_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "persona_names.yaml"
    path.write_text("names:\n- name: A\n  traits: {}\n- name: A\n  traits: {}\n")
    with pytest.raises(ParameterError, match="stands there twice"):
        read_names(path)
    path.write_text("names:\n- title: A\n")
    with pytest.raises(ParameterError, match="expected below `names`"):
        read_names(path)


def test_traits_say_by_how_much_a_persona_differs(personas: Personas) -> None:
    persona = personas.personas[0].model_copy(
        update={"who": (Compared(name="role", value="it", share=0.5, of_all=0.2),), "channels": (), "first_channels": (),
                "contents": (), "last_steps": (), "questions": (Compared(name="cost", share=0.5, of_all=0.49),)}
    )  # fmt: skip
    assert traits_of(persona) == {"role=it": 0.3}


def test_attributes_are_those_of_the_mql_moment(company: Company, journeys: Any) -> None:
    paths, mqls = journeys
    known = read_attributes(company.canonical, paths, mqls)
    assert len(known.values) == len(mqls)
    assert "sales_rating" not in known.values, "sales fills it in once it knows the outcome"
    assert set(known.titles) <= set(known.values)
    assert pd.api.types.is_numeric_dtype(known.values["employees"])
