"""Attacks of membership inference, and what they tell. Pure functions of what models say; see `bench.memorisation`."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Advantage", "advantage", "balanced_halves", "likelihood_ratio", "of_accounts"]

LEAST_SCALE = 1e-6


@dataclass(frozen=True)
class Advantage:
    """What an attack tells: true less false positive rate, and its variance by the accounts it was judged on."""

    value: float
    variance: float


def advantage(values: np.ndarray, member: np.ndarray, random: np.random.Generator) -> Advantage:
    """Choose a threshold on one half and judge it on the other, both ways.

    Parameters
    ----------
    values : ndarray of float64 [accounts]
        The higher, the more like a member.
    member : ndarray of bool [accounts]
        Who is one.
    random : Generator
        Draws the halves.

    Examples
    --------
    >>> told = np.r_[np.ones(500), np.zeros(500)]
    >>> advantage(told, told > 0, np.random.default_rng(1)).value
    1.0
    """
    first = np.zeros(len(values), bool)
    for kind in (True, False):
        of_kind = random.permutation(np.flatnonzero(member == kind))
        first[of_kind[: len(of_kind) // 2]] = True
    judged = [_judged(values, member, first), _judged(values, member, ~first)]
    return Advantage(float(np.mean([one.value for one in judged])), sum(one.variance for one in judged) / 4)


def _judged(values: np.ndarray, member: np.ndarray, first: np.ndarray) -> Advantage:
    order = np.argsort(-values[first], kind="stable")
    is_member, cut = member[first][order], values[first][order]
    told = np.cumsum(is_member) / is_member.sum() - np.cumsum(~is_member) / (~is_member).sum()
    threshold = cut[int(np.argmax(told))]
    said = values[~first] >= threshold
    others = member[~first]
    right, wrong = said[others], said[~others]
    value = float(right.mean() - wrong.mean())
    return Advantage(value, float(right.var() / len(right) + wrong.var() / len(wrong)))


def of_accounts(values: np.ndarray, account: np.ndarray, count: int) -> np.ndarray:
    """Give the mean of each account's rows."""
    mean: np.ndarray = np.bincount(account, values, count) / np.bincount(account, minlength=count)
    return mean


def likelihood_ratio(target: np.ndarray, references: np.ndarray, learned: np.ndarray) -> np.ndarray:
    """Give the logarithm of how much likelier a value is from a model that learned from the account.

    Parameters
    ----------
    target : ndarray of float64 [accounts]
        Mean signed log-odds by the attacked model: positive where it is right.
    references : ndarray of float64 [models, accounts]
        The same by the reference models.
    learned : ndarray of bool [models, accounts]
        Which learned from which account. Both kinds are needed of each account; spreads are those of all accounts together.
    """
    ratio = np.zeros(len(target))
    for kind, sign in ((learned, 1.0), (~learned, -1.0)):
        mean = np.where(kind, references, 0.0).sum(0) / kind.sum(0)
        left = np.where(kind, references - mean, 0.0)
        spread = max(float(np.sqrt((left**2).sum() / max(kind.sum() - kind.shape[1], 1))), LEAST_SCALE)
        ratio += sign * (-0.5 * ((target - mean) / spread) ** 2 - np.log(spread))
    return ratio


def balanced_halves(models: int, accounts: int, random: np.random.Generator) -> np.ndarray:
    """Draw which reference model learns from which account: each account is in exactly half of the models."""
    column = np.arange(models) % 2 == 0
    return np.stack([random.permutation(column) for _ in range(accounts)], axis=1)
