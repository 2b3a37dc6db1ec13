"""Segments are found where blocks of columns have some in common, and nowhere else."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from pipeline.sales_funnel.personas_segments import find_segments, fit_embedding, most_compact_view

ROWS = 240


def planted(random: np.random.Generator, strength: float) -> tuple[list[np.ndarray], np.ndarray]:
    """Three kinds of rows; each block knows of them, with noise."""
    kind = random.integers(0, 3, ROWS)
    return [
        random.normal(0.0, 1.0, (ROWS, width)) + strength * random.normal(0.0, 1.0, (3, width))[kind]
        for width in (6, 9, 4)
    ], kind


def test_what_was_planted_comes_back() -> None:
    blocks, kind = planted(np.random.default_rng(4), 2.0)
    embedding = fit_embedding(blocks, 1)
    segments = find_segments(embedding.of(blocks), 4, 12, 0.8, 1)
    assert embedding.dimensions == 2
    assert len(segments) == 3
    assert min(segments.returns) >= 0.8
    assert np.bincount(segments.label).tolist() == sorted(np.bincount(segments.label).tolist(), reverse=True)
    assert adjusted_rand_score(kind, segments.label) > 0.9


def test_blocks_that_have_nothing_in_common_make_no_segment() -> None:
    random = np.random.default_rng(5)
    blocks, _ = planted(random, 2.0)
    apart = [block[random.permutation(ROWS)] for block in blocks]  # each block still has its three kinds
    embedding = fit_embedding(apart, 1)
    assert embedding.dimensions == 0
    assert len(find_segments(embedding.of(apart), 4, 12, 0.8, 1)) == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_cloud_is_not_cut_however_stable_the_cut(seed: int) -> None:
    points = np.random.default_rng(seed).normal(0.0, (3.0, 1.0), (ROWS, 2))
    segments = find_segments(points, 4, 12, 0.8, 1)
    assert max(facts["stable"] for facts in segments.tried) > 0, "the long axis is cut in the same place each time"
    assert len(segments) == 0
    assert (segments.label == -1).all()


def test_a_segment_that_does_not_come_back_is_not_shown() -> None:
    random = np.random.default_rng(8)
    far = random.normal((9.0, 0.0), 0.3, (80, 2))
    ring = random.uniform(0.0, 2.0 * np.pi, 160)
    points = np.concatenate((far, 3.0 * np.column_stack((np.cos(ring), np.sin(ring)))))
    segments = find_segments(points, 4, 20, 1.0, 1)
    assert segments.returns
    assert min(segments.returns) == 1.0
    assert any(facts["stable"] < facts["segments"] for facts in segments.tried), "a ring can be cut anywhere"
    assert len(np.unique(segments.label[:80])) == 1
    assert segments.label[0] >= 0


def test_the_same_rows_give_the_same_segments() -> None:
    blocks, _ = planted(np.random.default_rng(4), 1.5)
    one, other = (find_segments(fit_embedding(blocks, 1).of(blocks), 4, 10, 0.8, 1) for _ in range(2))
    assert np.array_equal(one.label, other.label)
    assert one.tried == other.tried


def test_a_view_of_fewer_blocks_is_taken_where_rows_fall_apart_much_more_clearly_by_it() -> None:
    random = np.random.default_rng(4)
    blocks, _ = planted(random, 2.0)
    kinds = fit_embedding(blocks, 1).of(blocks)
    noise = random.normal(0.0, 2.0, (ROWS, 4))
    cloud = np.hstack((kinds, noise))
    assert most_compact_view([cloud, kinds], 1) == 1
    assert most_compact_view([kinds, 2.0 * kinds], 1) == 0, "all blocks, where fewer are no better"
    assert most_compact_view([kinds[:, :0], kinds], 1) == 1, "a view that shares nothing is none"
