"""Metrics for many sets of row weights at once: what makes the bootstrap cheap."""

from dataclasses import dataclass

import numpy as np

from features.errors import ParameterError

__all__ = ["Ranked", "bin_noise", "calibration_metrics", "mass_bins", "probabilities_only", "row_log_loss"]


@dataclass(frozen=True)
class Ranked:
    """Rows from the highest score to the lowest, and where blocks of equal scores end."""

    order: np.ndarray
    ends: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, scores: np.ndarray) -> "Ranked":
        """Rank rows by score."""
        order = np.argsort(-scores, kind="stable")
        ranked = scores[order]
        ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
        return cls(order, ends, labels[order])

    def metrics(self, weights: np.ndarray, capacity_share: float) -> dict[str, np.ndarray]:
        """Compute the ranking metrics for each row of `weights` [resamples, rows in the caller's order]."""
        ordered = weights[:, self.order]
        mass = np.cumsum(ordered, axis=1)[:, self.ends]
        hits = np.cumsum(ordered * self.labels, axis=1)[:, self.ends]
        total, positives = mass[:, -1:], hits[:, -1:]
        new_hits = np.diff(hits, axis=1, prepend=0.0)
        new_misses = np.diff(mass - hits, axis=1, prepend=0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            area = np.sum(new_misses * (hits - new_hits / 2.0), axis=1) / (positives * (total - positives))[:, 0]
            precision = np.where(mass > 0, hits / mass, 0.0)
            averaged = np.sum(new_hits * precision, axis=1) / positives[:, 0]
            wanted = capacity_share * total
            block = np.minimum(np.sum(mass < wanted, axis=1, keepdims=True), mass.shape[1] - 1)
            mass_after, hits_after, hits_in = (np.take_along_axis(a, block, axis=1) for a in (mass, hits, new_hits))
            mass_in = np.take_along_axis(np.diff(mass, axis=1, prepend=0.0), block, axis=1)
            inside = np.where(mass_in > 0, (mass_after - wanted) / mass_in, 0.0)  # share of the block beyond capacity
            at_capacity = ((hits_after - inside * hits_in) / wanted)[:, 0]
            lift = at_capacity / (positives / total)[:, 0]
        return {
            "auc": area,
            "average_precision": averaged,
            "precision_at_capacity": at_capacity,
            "lift_at_capacity": lift,
        }


def row_log_loss(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Compute -ln of the probability given to what happened, per row, in nats; probabilities are clipped by 1e-15."""
    clipped = np.clip(probabilities_only(probabilities), 1e-15, 1.0 - 1e-15)
    return np.asarray(-np.where(labels == 1.0, np.log(clipped), np.log1p(-clipped)))


def probabilities_only(values: np.ndarray) -> np.ndarray:
    """Return values that are all within [0, 1]; raise ParameterError for others."""
    outside = (values < 0.0) | (values > 1.0)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise ParameterError(
            f"metrics: probability of row {row} is {values[row]}, not within [0, 1]. "
            "Hand in a probability, or say is_probability=False for a score"
        )
    return values


def mass_bins(probabilities: np.ndarray, weights: np.ndarray, bins: int) -> np.ndarray:
    """Find the equal-mass bin of each row: where the middle of its block of equal probabilities lies."""
    _, inverse = np.unique(probabilities, return_inverse=True)
    mass = np.bincount(inverse, weights=weights)
    middle = np.cumsum(mass) - mass / 2.0
    return np.asarray(np.minimum((middle / mass.sum() * bins).astype(np.int64), bins - 1)[inverse])


def bin_noise(
    labels: np.ndarray, probabilities: np.ndarray, base: np.ndarray, groups: np.ndarray, bins: int
) -> np.ndarray:
    """Estimate the variance of each bin's mean of (probability - label), with rows of one group taken together.

    The linearised variance of a ratio over clusters (Cochran, Sampling Techniques, 1977, section 9A); 0 for an empty bin.
    """
    member = mass_bins(probabilities, base, bins)
    _, codes = np.unique(groups, return_inverse=True)
    mass = np.bincount(member, weights=base, minlength=bins)
    error = probabilities - labels
    mean = np.divide(
        np.bincount(member, weights=base * error, minlength=bins), mass, where=mass > 0, out=np.zeros(bins)
    )
    cells, cell = np.unique(codes * bins + member, return_inverse=True)
    sums = np.bincount(cell, weights=base * (error - mean[member]))
    squares = np.bincount(cells % bins, weights=sums**2, minlength=bins)
    return np.asarray(np.divide(squares, mass**2, where=mass > 0, out=np.zeros(bins)))


def calibration_metrics(
    labels: np.ndarray,
    probabilities: np.ndarray,
    base: np.ndarray,
    weights: np.ndarray,
    bins: int,
    noise: np.ndarray | float = 0.0,
) -> dict[str, np.ndarray]:
    """Compute the metrics of a probability for each row of `weights`; the bins are those of the weights `base`.

    `noise` is the variance of each bin's gap that is taken off its square before the root: what chance alone would show.
    """
    total = weights.sum(axis=1)
    member = np.eye(bins)[mass_bins(probabilities, base, bins)]
    gaps = weights @ (member * (probabilities - labels)[:, None])
    mass = weights @ member
    mean = np.divide(gaps, mass, where=mass > 0, out=np.zeros_like(gaps))
    beyond = np.sqrt(np.maximum(mean**2 - noise, 0.0))
    return {
        "log_loss": weights @ row_log_loss(labels, probabilities) / total,
        "brier": weights @ (probabilities - labels) ** 2 / total,
        "ece": (mass * beyond).sum(axis=1) / total,
        "ece_with_noise": np.abs(gaps).sum(axis=1) / total,
    }
