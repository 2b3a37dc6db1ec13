import itertools

import numpy as np

from models.monitoring.stability import population_stability


def test_the_population_index_is_zero_for_the_same_and_grows_with_the_shift() -> None:
    random = np.random.default_rng(4)
    before = random.normal(size=4_000)
    found = [population_stability(before, random.normal(shift, size=2_000))["psi"] for shift in (0.0, 0.5, 1.0)]
    assert all(one < two for one, two in itertools.pairwise(found))
    assert found[0] < 0.01
    gaps = np.where(np.arange(2_000) < 600, np.nan, before[:2_000])
    assert population_stability(before, gaps)["psi"] > 0.25  # missing values count as a value
    assert np.isnan(population_stability(before, before[:0])["psi"])
