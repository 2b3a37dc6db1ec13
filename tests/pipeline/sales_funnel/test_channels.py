"""What channels contribute, against paths counted by hand."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from pipeline.sales_funnel.channels import channel_shares, removal_effects
from pipeline.sales_funnel.journey_paths import parts_of_looks


@pytest.fixture
def four_paths(lead: Any, step: Any) -> list[Any]:
    """A-B and A-B and A convert, B does not; a visit that repeats a channel is no further step."""
    return [
        lead([step(0, "x", "A"), step(1, "x", "A"), step(2, "x", "B")], 0, mql=3, contact=4, qualified=9),
        lead([step(0, "x", "A"), step(2, "x", "B")], 1, mql=3, contact=4, qualified=9),
        lead([step(0, "x", "A")], 2, mql=1, contact=4, qualified=9),
        lead([step(0, "x", "B")], 3),
    ]


def test_the_rules_by_hand(make_journeys: Any, four_paths: list[Any]) -> None:
    paths, mqls = make_journeys(four_paths, 400)
    found = channel_shares(paths, mqls, 90, 2, 50, 1)
    assert found is not None
    assert found.channels == ("A", "B")
    assert (found.paths, found.conversions) == (4, 3)
    assert found.share["first"].tolist() == [1.0, 0.0]
    assert found.share["last"] == pytest.approx([1 / 3, 2 / 3])
    assert found.share["linear"] == pytest.approx([2 / 3, 1 / 3])
    # P = 3/4 (1/3 + 2/3 2/3) + 1/4 2/3 = 3/4; without A 1/6, without B 1/4
    assert found.removal == pytest.approx([7 / 9, 2 / 3])
    assert found.share["markov"] == pytest.approx([7 / 13, 6 / 13])
    assert found.on_path == pytest.approx([1.0, 2 / 3])
    for rule, share in found.share.items():
        assert (found.low[rule] <= share + 1e-12).all(), rule
        assert (share <= found.high[rule] + 1e-12).all(), rule


def test_some_leads_at_a_time_make_no_difference(
    make_journeys: Any, four_paths: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = channel_shares(*make_journeys(four_paths, 400), 90, 2, 50, 1)
    monkeypatch.setattr("pipeline.sales_funnel.channels.parts_of_looks", partial(parts_of_looks, most=2))
    parts = channel_shares(*make_journeys(four_paths, 400), 90, 2, 50, 1)
    assert whole is not None and parts is not None  # noqa: PT018
    assert (parts.channels, parts.paths, parts.conversions) == (whole.channels, whole.paths, whole.conversions)
    for name in ("share", "low", "high"):
        for rule, values in getattr(whole, name).items():
            assert getattr(parts, name)[rule] == pytest.approx(values)


def test_what_follows_the_first_contact_is_on_no_path(make_journeys: Any, four_paths: list[Any], step: Any) -> None:
    before = channel_shares(*make_journeys(four_paths, 400), 90, 2, 50, 1)
    later = [item._replace(steps=[*item.steps, step(5, "x", "C")]) if item.mql else item for item in four_paths]
    after = channel_shares(*make_journeys(later, 400), 90, 2, 50, 1)
    assert before is not None and after is not None  # noqa: PT018
    assert after.channels == before.channels
    assert np.array_equal(after.share["markov"], before.share["markov"])


def test_a_path_that_is_too_young_counts_for_nothing(
    make_journeys: Any, four_paths: list[Any], lead: Any, step: Any
) -> None:
    young = lead([step(350, "x", "B")], 4, mql=351, contact=352, qualified=353)
    old = channel_shares(*make_journeys(four_paths, 400), 90, 2, 50, 1)
    both = channel_shares(*make_journeys([*four_paths, young], 400), 90, 2, 50, 1)
    assert old is not None and both is not None  # noqa: PT018
    assert both.paths == old.paths
    assert np.array_equal(both.share["last"], old.share["last"])


def test_without_a_conversion_nothing_is_shared_out(make_journeys: Any, lead: Any, step: Any) -> None:
    assert channel_shares(*make_journeys([lead([step(0, "x", "A")], 0)], 400), 90, 2, 50, 1) is None
    assert channel_shares(*make_journeys([lead([step(0, "x", None)], 0, 1, 2, 3, 3)], 400), 90, 2, 50, 1) is None


def test_a_channel_that_every_path_needs_takes_every_conversion_with_it() -> None:
    steps = np.zeros((5, 5))
    steps[2, 0], steps[0, 1], steps[1, 3], steps[1, 4] = 4, 4, 2, 2
    assert removal_effects(steps) == pytest.approx([1.0, 1.0])
