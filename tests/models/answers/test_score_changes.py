"""What changed since an earlier moment: it adds up, it names what happened, and makes up nothing."""

import copy
import datetime as dt
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalog import Catalog
from features.changed import change_polarity, change_text
from features.errors import JourneyError
from features.timeline import DAY_US, to_micros
from models.answers.requests import LeadRequest, parse_lead
from models.answers.score_changes import Change, Moment, change_reasons, changes
from models.answers.scoring import score_requests
from models.bundle import Bundle

AT = to_micros(dt.datetime(2026, 3, 20, 12, tzinfo=dt.UTC))
DAY = dt.timedelta(days=1)


def _with(lead: dict[str, Any], days_before: float, **fields: Any) -> LeadRequest:
    since = dt.datetime.fromisoformat(lead["snapshot_at"]) - dt.timedelta(days=days_before)
    return parse_lead({**copy.deepcopy(lead), "changed_since": since.isoformat(), **fields})


@pytest.fixture(scope="module")
def leads(draw_leads: Callable[[int, int], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return draw_leads(30, 11)


def test_the_reasons_sum_to_the_difference_of_two_scores(small_bundle: Bundle, leads: list[dict[str, Any]]) -> None:
    asked = [_with(lead, 1.5) for lead in leads]
    now = score_requests(small_bundle, asked)
    then = score_requests(small_bundle, [replace(lead, snapshot_at=lead.changed_since) for lead in asked])  # type: ignore[type-var]
    moved = 0
    for change, later, earlier in zip(changes(small_bundle, asked, n_reasons=1_000), now, then, strict=True):
        if change is None or change.difference is None:
            assert change is None or change.not_scored
            continue
        assert None not in (later.fit, earlier.fit)
        difference = (later.fit + later.engagement) - (earlier.fit + earlier.engagement)  # type: ignore[operator]
        assert change.difference == pytest.approx(difference, abs=1e-9)
        assert sum(reason.contribution for reason in change.reasons) == pytest.approx(difference, abs=1e-9)
        assert change.probability_before == earlier.probability
        sizes = [abs(reason.contribution) for reason in change.reasons]
        assert sizes == sorted(sizes, reverse=True)
        moved += len(sizes) > 0
    assert moved > 15


def test_an_attribute_of_another_type_costs_no_change(small_bundle: Bundle, leads: list[dict[str, Any]]) -> None:
    without = {"attributes": {**leads[0].get("attributes", {}), "newsletter": None}}
    odd = {"attributes": {**without["attributes"], "newsletter": "yes"}}
    assert changes(small_bundle, [_with(leads[0], 1.5, **odd)]) == changes(
        small_bundle, [_with(leads[0], 1.5, **without)]
    )


def test_a_change_does_not_depend_on_other_leads_and_only_comes_when_asked_for(
    small_bundle: Bundle, leads: list[dict[str, Any]]
) -> None:
    asked = [_with(leads[0], 1.5), parse_lead(leads[1]), _with(leads[2], 0.5)]
    together = changes(small_bundle, asked)
    assert together == [changes(small_bundle, [lead])[0] for lead in asked]
    assert together[1] is None
    assert changes(small_bundle, [parse_lead(leads[1])]) == [None]
    assert len(changes(small_bundle, asked, n_reasons=1)[0].reasons) <= 1  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("stages", "created", "since", "expected"),
    [
        ([("mql", -5)], -30, -40, "not_yet_created"),
        ([("mql", -5)], -30, -10, "not_yet_mql"),
        ([("mql", -20), ("disqualified", -15), ("recycled", -5)], -30, -10, "disqualified"),
        ([("mql", -20), ("sales_qualified", -15), ("mql", -5)], -30, -10, "already_qualified"),
        ([("mql", -20)], -30, -10, None),
        ([], -30, -10, None),
        ([("mql", -5)], None, -10, "not_yet_created"),
    ],
)
def test_there_is_no_made_up_number_for_a_moment_without_a_lead_to_score(
    small_bundle: Bundle, stages: list[tuple[str, int]], created: int | None, since: int, expected: str | None
) -> None:
    def moment(days: int) -> str:
        return (dt.datetime(2026, 3, 20, 12, tzinfo=dt.UTC) + days * DAY).isoformat()

    lead = {
        "lead_id": "L-1",
        "snapshot_at": moment(0),
        "changed_since": moment(since),
        "created_at": None if created is None else moment(created),
        "stage_changes": [{"stage": stage, "occurred_at": moment(days)} for stage, days in stages],
    }
    (change,) = changes(small_bundle, [parse_lead(lead)])
    assert change is not None
    assert change.not_scored == expected
    if expected:
        assert change == Change(AT + since * DAY_US, None, None, (), expected)
    else:
        assert change.probability_before is not None


def test_a_lead_that_is_not_scored_now_has_no_change(small_bundle: Bundle, leads: list[dict[str, Any]]) -> None:
    gone = {
        "stage": "disqualified",
        "occurred_at": (dt.datetime.fromisoformat(leads[0]["snapshot_at"]) - DAY / 2).isoformat(),
    }
    lead = _with(leads[0], 1.0, stage_changes=[*leads[0]["stage_changes"], gone])
    assert changes(small_bundle, [lead]) == [None]


@pytest.mark.parametrize("days", [0.0, -1.0])
def test_the_earlier_moment_must_be_earlier(leads: list[dict[str, Any]], days: float) -> None:
    with pytest.raises(
        JourneyError, match=r"^lead\.changed_since is '.*', not before the lead's snapshot_at\. Send an earl"
    ) as e:
        _with(leads[0], days)
    assert e.value.field == "lead.changed_since"


def _text(catalog: Catalog, name: str, before: float, after: float, language: str, more: bool = True) -> str:
    since = {"en": "12 March 2026", "de": "12. März 2026"}[language]
    return change_text(catalog.features[catalog.positions[name]], before, after, 8.0, more, since, language)


@pytest.mark.parametrize(
    ("name", "before", "after", "english", "german"),
    [
        (
            "count__page_view__7d",
            2,
            5,
            "viewed a page 5 times in the last 7 days, 3 more than on 12 March 2026",
            "hat in den letzten 7 Tagen 5-mal eine Seite aufgerufen, 3 mehr als am 12. März 2026",
        ),
        (
            "count__all__7d",
            2,
            1,
            "touchpoints in the last 7 days: 1, 1 fewer than on 12 March 2026",
            "Kontaktpunkte in den letzten 7 Tagen: 1, 1 weniger als am 12. März 2026",
        ),
        (
            "count__pricing__7d",
            1,
            0,
            "has not opened the pricing page in the last 7 days; on 12 March 2026 it was 1",
            "hat in den letzten 7 Tagen kein Mal die Preisseite geöffnet; am 12. März 2026 war es 1",
        ),
        (
            "days_since_last__all",
            35.0,
            43.0,
            "touchpoints: the latest 43 days ago, not again since 12 March 2026",
            "Kontaktpunkte: zuletzt vor 43 Tagen, seit dem 12. März 2026 nicht mehr",
        ),
        (
            "days_since_last__pricing",
            35.0,
            2.0,
            "last opened the pricing page 2 days ago, again since 12 March 2026",
            "hat zuletzt vor 2 Tagen die Preisseite geöffnet, seit dem 12. März 2026 erneut",
        ),
        (
            "days_since_last__created",
            2.0,
            10.0,
            "lead created 10 days ago, longer ago than on 12 March 2026",
            "Lead vor 10 Tagen angelegt, länger her als am 12. März 2026",
        ),
        (
            "attribute__industry",
            0,
            1,
            "industry changed from energy to retail",
            "Branche: von energy zu retail geändert",
        ),
        ("attribute__industry", math.nan, 1, "industry now known: retail", "Branche jetzt bekannt: retail"),
        (
            "attribute__industry",
            1,
            math.nan,
            "industry no longer known, was retail",
            "Branche nicht mehr bekannt, war retail",
        ),
        (
            "attribute__industry",
            1,
            1,
            "industry: retail (as before, but counts more in its favour now)",
            "Branche: retail (wie zuvor, spricht jetzt aber mehr für den Lead)",
        ),
        (
            "weekend_share__all__90d",
            0.1,
            0.4,
            "touchpoints: 40% at weekends in the last 90 days; on 12 March 2026: 10% at weekends in the last 90 days",
            "Kontaktpunkte: 40 % am Wochenende in den letzten 90 Tagen; am 12. März 2026: 10 % am Wochenende in den letzten "
            "90 Tagen",
        ),
    ],
)
def test_words(big_catalog: Catalog, name: str, before: float, after: float, english: str, german: str) -> None:
    assert _text(big_catalog, name, before, after, "en") == english
    assert _text(big_catalog, name, before, after, "de") == german


@pytest.mark.parametrize("language", ["en", "de"])
@given(seed=st.integers(0, 2**32 - 1), elapsed=st.sampled_from([0.5, 8.0, 400.0]))
@settings(max_examples=100, deadline=None)
def test_any_two_moments_have_words_that_sum_up_and_match_the_direction(
    big_catalog: Catalog, draw_values: Callable[..., np.ndarray], language: str, seed: int, elapsed: float
) -> None:
    random = np.random.default_rng(seed)
    size = len(big_catalog) + 1
    earlier, later = (
        Moment(at, draw_values(random), random.normal(size=size) * (random.random(size) < 0.3))
        for at in (AT - int(elapsed * DAY_US), AT)
    )
    reasons = change_reasons(earlier, later, big_catalog, language)
    difference = (later.contributions - earlier.contributions)[:-1].sum()
    assert sum(reason.contribution for reason in reasons) == pytest.approx(difference, abs=1e-9)
    for reason in reasons:
        column = big_catalog.positions[reason.feature]
        sounds = change_polarity(
            big_catalog.features[column], float(earlier.values[column]), float(later.values[column]), elapsed
        )
        corrected = {"en": "here)", "de": "(spricht hier"}[language] in reason.text
        assert corrected == (sounds * reason.contribution < 0)
        assert reason.text.strip() == reason.text
        assert "nan" not in reason.text.replace("finance", "")
        assert "{" not in reason.text
    assert change_reasons(later, later, big_catalog, language) == []
