"""Which touchpoints a selector picks."""

import pytest

from features.params import SelectorParams
from features.selectors import Selectors
from tests.oracle import matches

TOUCHPOINT = {"kind": "page_view", "channel": "web", "asset": "pricing/eu", "campaign": None, "by": "lead"}


@pytest.mark.parametrize(
    ("rule", "picked"),
    [
        (SelectorParams(), True),
        (SelectorParams(kind=("page_view",)), True),
        (SelectorParams(kind=("Page_View",)), False),
        (SelectorParams(kind=("page",)), False),
        (SelectorParams(kind=("mail_*", "page_????")), True),
        (SelectorParams(kind=("page_???",)), False),
        (SelectorParams(kind=("page_view",), asset=("pricing*",)), True),
        (SelectorParams(kind=("mail_open",), asset=("pricing*",)), False),
        (SelectorParams(asset=("pricing[/]eu",)), False),
        (SelectorParams(asset=("pricing.eu",)), False),
        (SelectorParams(campaign=("*",)), False),
        (SelectorParams(kind=()), False),
        (SelectorParams(by=("sales",)), False),
        (SelectorParams(by=("sales", "lead")), True),
    ],
)
def test_selects(rule: SelectorParams, picked: bool) -> None:
    assert Selectors({"rule": rule}).select(**TOUCHPOINT) == (["rule"] if picked else [])


@pytest.mark.parametrize("pattern", ["", "*", "?", "a*", "*a", "a?c", "*.*", "[ab]", "a\\b", "\n*", "*b*d*"])
@pytest.mark.parametrize("text", ["", "a", "ab", "abc", "a.c", "[ab]", "a\\b", "\nx", "abcd"])
def test_patterns_mean_what_the_oracle_says(pattern: str, text: str) -> None:
    picked = Selectors({"rule": SelectorParams(asset=(pattern,))}).select(kind="k", asset=text, by="lead")
    assert bool(picked) is matches(pattern, text)


def test_tables_hold_one_bit_per_selector_beyond_one_word() -> None:
    rules = Selectors({f"s{index}": SelectorParams(kind=(f"k{index}",)) for index in range(130)})
    tables = rules.compile([["k0", "k64", "k129", "other"], ["web"], [], []])
    assert tables.masks.shape == ((1 + 4) + (1 + 1) + 1 + 1 + 3, 3)
    words = [[int(word) for word in tables.masks[tables.starts[0] + code]] for code in range(-1, 4)]
    assert words == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 2], [0, 0, 0]]


def test_remembered_values_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr("features.selectors._REMEMBERED_VALUES", 10)
    rules = Selectors({"rule": SelectorParams(asset=("a1*",))})
    tables = rules.compile([[], [], [f"a{index}" for index in range(100)], []])
    assert int(tables.masks[tables.starts[2] :][:100].sum()) == 11
    assert len(rules._known["asset"]) <= 10
