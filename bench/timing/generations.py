"""Three generations of retraining on the product's own decisions: what to make of leads never contacted because of it.

`python -m bench.timing.generations`. Generation 0 learns from past practice, in which sales calls everybody sooner or later.
Each later one learns from a company that called by the decisions of the one before, half of what arrives. Leads never contacted
count as negatives (`count`), are left out (`leave_out_leads`), or are left out while contacted ones count by the inverse of
their chance of being contacted (`weight`); or what is left out are the looks at which nobody was to call, whatever came later
(`leave_out_looks`). Judged on who is contacted in the next company: the level, predicted over true, of those whom this model
calls, and of those whom the generation before calls there. The first holds what a model chooses by its own errors, the second
does not.
"""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from bench.timing.companies import BURN_IN_WEEKS, WEEKS, Practice, Replayed, practice, replayed
from models.fitting.timing_boosting import cross_fit, folds_of, probability
from models.params import TreeParams
from pipeline.console import console, run_main
from pipeline.params import load_params
from pipeline.simulator.handovers import HandoverRules
from pipeline.tables.json_files import write_json

__all__ = ["main", "own_decisions"]

RESULTS = Path("bench/results/timing_generations.json")
SECTIONS = ("features", "points", "timing")
RULES = ("count", "leave_out_leads", "weight", "leave_out_looks")
GENERATIONS = 3
PRACTICE_LEADS, COMPANY_LEADS = 4_000, 3_000
CAPACITY = 0.5
SEEDS = (9_100, 9_200)
LEAST_CHANCE = 0.05
"""Of being contacted; below it no row weighs more."""


class Model:
    """P(qualified | journey) of one generation.

    Parameters
    ----------
    past : Practice
        Its catalog names the columns.
    trees : TreeParams
    matrix, label, weights, group : ndarray
        Rows to learn from.
    """

    def __init__(
        self,
        past: Practice,
        trees: TreeParams,
        matrix: np.ndarray,
        label: np.ndarray,
        weights: np.ndarray,
        group: np.ndarray,
    ) -> None:
        dealt = folds_of(group, 4, trees.seed)
        fold = np.array([dealt[str(name)] for name in group])
        catalog = past.fitted.catalog
        fitted = cross_fit(matrix, label, weights, fold, catalog.names, catalog.categorical, trees)
        self._classifier = fitted.model
        # As the product calibrates: on rows that the trees never saw
        unseen = fitted.by_fold(matrix)[fold, np.arange(len(matrix))]
        scale = LogisticRegression(C=1e6).fit(unseen[:, None], label > 0.5, sample_weight=weights)
        self._slope, self._shift = float(scale.coef_[0, 0]), float(scale.intercept_[0])

    def __call__(self, matrix: np.ndarray) -> np.ndarray:
        """Predict probabilities of feature rows."""
        return probability(self._shift + self._slope * self._classifier.predict_log_odds(matrix))


def own_decisions(company: Replayed, value: np.ndarray) -> np.ndarray:
    """Call each Monday the leads of the highest value, as far as slots reach.

    Returns
    -------
    ndarray of int64 [leads]
        The row at which each lead was called; -1: never.
    """
    called = np.full(int(company.lead.max()) + 1, -1)
    taken = 0
    for week in range(BURN_IN_WEEKS + WEEKS):
        slots = int((week + 1) * CAPACITY * company.arrivals) - taken
        taken += slots
        waiting = np.flatnonzero((company.week == week) & (called[company.lead] < 0))
        chosen = waiting[np.argsort(-value[waiting], kind="stable")[:slots]]
        called[company.lead[chosen]] = chosen
    return called


def _learn(past: Practice, trees: TreeParams, company: Replayed, called: np.ndarray, rule: str, seed: int) -> Model:
    """Fit the next generation on what a company's decisions left to see."""
    at = called[company.lead]
    looked = (at < 0) | (company.week <= company.week[np.maximum(at, 0)])
    won = np.random.default_rng(seed).random(len(called)) < np.where(
        called >= 0, company.ahead[np.maximum(called, 0), 0], 0.0
    )
    contacted = at >= 0
    rows = np.flatnonzero(looked & (contacted | (rule == "count")))
    if rule == "leave_out_looks":
        rows = called[called >= 0]
    label, group = won[company.lead[rows]].astype(float), company.lead[rows].astype(str).astype(object)
    weights = np.ones(len(rows))
    if rule == "weight":
        every = np.flatnonzero(looked)
        chance = Model(
            past,
            trees,
            company.matrix[every],
            contacted[every].astype(float),
            np.ones(len(every)),
            company.lead[every].astype(str).astype(object),
        )(company.matrix[rows])
        weights = 1.0 / np.maximum(chance, LEAST_CHANCE)
    return Model(past, trees, company.matrix[rows], label, weights, group)


def generations(params: Any, seed: int) -> list[dict[str, Any]]:
    """Run every rule over three generations on the same companies.

    Returns
    -------
    list of dict
        seed, rule, generation, calls, predicted and true (means over the calls of its company; `_of_former`: over those by the
        model before), never_contacted (share).
    """
    past = practice(params, PRACTICE_LEADS, seed, HandoverRules(push_at_call=True))
    known = ~np.isnan(past.label_60d)
    queue = past.rows.queue
    first = Model(
        past,
        params.timing.trees,
        queue.matrix[known],
        past.label_60d[known],
        np.ones(int(known.sum())),
        queue.group[known],
    )
    companies = [replayed(params, COMPANY_LEADS, seed + 1 + g, past.fitted) for g in range(GENERATIONS + 1)]
    found = []
    for rule in RULES:
        model, before = first, first
        for number, company in enumerate(companies):
            value = model(company.matrix)
            called = own_decisions(company, value)
            rows = called[called >= 0]
            by_former = own_decisions(company, before(company.matrix))
            same = by_former[by_former >= 0]
            found.append(
                {
                    "seed": seed,
                    "rule": rule,
                    "generation": number,
                    "calls": len(rows),
                    "predicted": float(value[rows].mean()),
                    "true": float(company.ahead[rows, 0].mean()),
                    "predicted_of_former": float(value[same].mean()),
                    "true_of_former": float(company.ahead[same, 0].mean()),
                    "never_contacted": float((called < 0).mean()),
                }
            )
            if number < GENERATIONS:
                before, model = model, _learn(past, params.timing.trees, company, called, rule, seed + 10 + number)
    return found


def main() -> None:
    """Run, print and write."""
    params = load_params(SECTIONS)
    groups = tuple(group for group in params.features.groups if group != "buyer_profile")
    params = params.model_copy(update={"features": params.features.model_copy(update={"groups": groups})})
    rows: list[dict[str, Any]] = []
    for seed in SEEDS:
        rows += generations(params, seed)
        write_json(RESULTS, {"runs": rows})
    for rule in RULES:
        for number in range(GENERATIONS + 1):
            chosen = [row for row in rows if (row["rule"], row["generation"]) == (rule, number)]
            names = ("predicted", "true", "predicted_of_former", "true_of_former")
            own, true, of_former, true_of_former = (float(np.mean([row[name] for row in chosen])) for name in names)
            console.print(
                f"{rule}, generation {number}: {chosen[0]['calls']} calls, level {own / true:.2f}, of those whom the former "
                f"generation calls {of_former / true_of_former:.2f}"
            )


if __name__ == "__main__":
    run_main(main)
