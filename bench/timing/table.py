"""Wins against calling the highest probability first, with paired intervals over companies."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.timing.replay import CAPACITIES

__all__ = ["BASE", "ORACLE", "against_base", "markdown"]

BASE = "highest probability first"
ORACLE = "oracle, "
"""How the names of the informed oracle's variants begin."""
TIMES, SEED = 2_000, 5


def against_base(wins: np.ndarray, base: np.ndarray) -> dict[str, list[float]]:
    """Compare two policies' wins in percent of the base's.

    Parameters
    ----------
    wins, base : ndarray of float64 [companies, capacities]

    Returns
    -------
    dict
        value, low, high: per capacity, and last the mean over capacities; the 95 % interval resamples companies, both policies
        together.

    Examples
    --------
    >>> against_base(np.full((3, 4), 11.0), np.full((3, 4), 10.0))["value"][0].round(6).item()
    10.0
    """
    picked = np.random.default_rng(SEED).integers(0, len(wins), (TIMES, len(wins)))

    def percent(chosen: np.ndarray) -> np.ndarray:
        each = 100.0 * (wins[chosen].sum(axis=-2) / base[chosen].sum(axis=-2) - 1.0)
        return np.concatenate((each, each.mean(axis=-1, keepdims=True)), axis=-1)

    low, high = np.quantile(percent(picked), (0.025, 0.975), axis=0)
    return {"value": percent(np.arange(len(wins))), "low": low, "high": high}


def markdown(runs: list[dict[str, Any]]) -> str:
    """Lay out runs of the same setting and size as one table; draws are averaged."""
    parts = []
    for key in dict.fromkeys((run["setting"], run["leads"]) for run in runs):
        those = [run for run in runs if (run["setting"], run["leads"]) == key]
        companies = min(len(run["seeds"]) for run in those)
        parts.append(
            f"### {key[0]}, {key[1]:,} leads, {len(those)} draw{'s' * (len(those) > 1)}, {companies} companies\n\n"
            f"| wins in % against {BASE} | {' | '.join(f'{c:g}x' for c in CAPACITIES)} | mean |\n"
            f"|---|{'---|' * (len(CAPACITIES) + 1)}"
        )
        for name in those[0]["wins"]:
            rows = [_row(run["wins"], name) for run in those]
            ends = {end: np.mean([row[end] for row in rows], axis=0) for end in ("value", "low", "high")}
            cells = [
                f"{value:+.1f} ({low:+.1f}..{high:+.1f})"
                for value, low, high in zip(ends["value"], ends["low"], ends["high"], strict=True)
            ]
            parts[-1] += f"\n| {name} | {' | '.join(cells)} |"
        parts[-1] += "\n\n" + _of_the_gap(those)
    return "\n\n".join(parts)


def _of_the_gap(runs: list[dict[str, Any]]) -> str:
    """Say which share of the best informed oracle's gain each contender reaches, as means over capacities and draws."""
    gains = {name: float(np.mean([_row(run["wins"], name)["value"][-1] for run in runs])) for name in runs[0]["wins"]}
    best = max(gain for name, gain in gains.items() if name.startswith(ORACLE))
    if best <= 0.0:
        return f"The informed oracle gains nothing ({best:+.1f} %)."
    shares = [f"{name} {gain / best:.0%}" for name, gain in gains.items() if name.startswith("iterated")]
    return f"Of the informed oracle's gain ({best:+.1f} %): {'; '.join(shares)}."


def _row(wins: Mapping[str, Any], name: str) -> dict[str, list[float]]:
    return against_base(np.array(wins[name]), np.array(wins[BASE]))
