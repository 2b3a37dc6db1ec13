"""The attacks of `bench.memorisation`: they find what a model memorised, and nothing where there is nothing to find."""

import numpy as np
import pytest

from bench.memorisation import ALLOWED, ONE_SIDED, advantage, balanced_halves, likelihood_ratio, of_accounts

ACCOUNTS = 4_000


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(5)


def test_chance_is_no_advantage_and_its_bound_says_how_little_is_known(random: np.random.Generator) -> None:
    member = random.random(ACCOUNTS) < 0.5
    found = [advantage(random.normal(size=ACCOUNTS), member, random) for _ in range(40)]
    assert abs(np.mean([one.value for one in found])) < 0.01
    spread = np.std([one.value for one in found])
    assert 0.5 * spread < np.sqrt(np.mean([one.variance for one in found])) < 2.0 * spread
    assert found[0].value + ONE_SIDED * np.sqrt(found[0].variance) < ALLOWED + 0.02


def test_a_shift_is_found(random: np.random.Generator) -> None:
    member = random.random(ACCOUNTS) < 0.5
    found = advantage(random.normal(size=ACCOUNTS) + member, member, random)
    assert found.value == pytest.approx(0.383, abs=0.04)  # of two normals one standard deviation apart


def test_the_ratio_finds_what_hard_accounts_hide_from_the_loss(random: np.random.Generator) -> None:
    """Each account is as hard as it is; what a model memorises of it is less than that."""
    hard, learned = 3.0 * random.normal(size=ACCOUNTS), balanced_halves(8, ACCOUNTS, random)
    assert set(learned.sum(0)) == {4}
    member = random.random(ACCOUNTS) < 0.5

    def told(by: np.ndarray) -> np.ndarray:
        return hard + by + 0.5 * random.normal(size=by.shape)

    target, references = told(member * 1.0), told(learned * 1.0)
    by_loss = advantage(target, member, random).value
    by_ratio = advantage(likelihood_ratio(target, references, learned), member, random).value
    assert by_loss < 0.2
    assert by_ratio > 0.5
    nothing = advantage(likelihood_ratio(told(0.0 * member), references, learned), member, random)
    assert abs(nothing.value) < 0.05


def test_rows_are_summed_up_by_account() -> None:
    assert of_accounts(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 1]), 2).tolist() == [2.0, 5.0]
