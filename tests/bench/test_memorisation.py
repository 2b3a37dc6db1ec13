"""The attacks of `bench.memorisation`: they find what a model memorised, and nothing where there is nothing to find."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.membership_attacks import advantage, balanced_halves, likelihood_ratio, of_accounts
from bench.memorisation import ONE_SIDED, Result, record
from pipeline.pages.memorisation import WANTED, memorisation_values, training_id
from pipeline.params import load_params

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
    assert found[0].value + ONE_SIDED * np.sqrt(found[0].variance) < WANTED + 0.02


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


def test_what_was_recorded_is_of_one_training_alone(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text((root / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    train = load_params(("train",), path).train
    present = Result("w", 15, 40, 2_000, 1_000, 200.0, 0.031, 0.06, 0.24, 0.28, 0.0, 0.0, 0.31681)
    safest = replace(present, leaves=4, leaf=640, ratio=0.06, ratio_bound=0.09, loss_bound=0.011, log_loss=0.3151)
    record(path, training_id("ab" * 32, train), [present, safest])
    measured = load_params(("memorisation",), path).memorisation
    assert (measured.accounts, measured.bound, measured.log_loss) == (2_000, 0.28, 0.31681)
    assert (measured.safest_num_leaves, measured.safest_min_data_in_leaf) == (4, 640)
    assert (measured.safest_bound, measured.safest_log_loss) == (0.09, 0.3151)
    own, other = {"data_sha256": "ab" * 32}, {"data_sha256": "cd" * 32}
    assert memorisation_values(own, train, measured)["memorisation"] == measured
    assert memorisation_values(other, train, measured)["memorisation"] is None
    assert memorisation_values(own, train.model_copy(update={"num_leaves": 4}), measured)["memorisation"] is None
    more_threads = train.model_copy(update={"num_threads": train.num_threads + 1})
    assert memorisation_values(own, more_threads, measured)["memorisation"] == measured
