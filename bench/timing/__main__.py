"""When to hand over, judged on companies whose truth is known: `python -m bench.timing [--quick]`.

Every contender learns from one simulated company's past practice and decides, on Mondays, about the MQLs of others that
nobody calls; wins are true probabilities at the calls, so that all share the same luck. Beside them stand the informed oracle,
which learns from true probabilities, and the latent one, which knows them. A run that stands in the results is not run again.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from bench.timing.companies import practice, replayed
from bench.timing.plan import COMPANY_LEADS, FULL, QUICK, SETTINGS, Run, companies_of
from bench.timing.policies import contenders, highest_probability_first, latent_oracle, oracle
from bench.timing.replay import CAPACITIES, replay
from bench.timing.table import BASE, markdown
from pipeline.console import console, progress, run_main
from pipeline.params import load_params
from pipeline.tables.json_files import write_json

RESULTS = Path("bench/results")
SECTIONS = ("features", "points", "timing")

__all__ = ["main", "measure"]


def measure(run: Run, params: Any) -> dict[str, Any]:
    """Train on one past practice and replay on its companies.

    Returns
    -------
    dict
        setting, leads, draw, seeds, calls and weeks learned from, seconds, and wins: contender to one list per company of the
        wins at each of `CAPACITIES`.
    """
    begin = time.monotonic()
    past = practice(params, run.leads, run.seed, SETTINGS[run.setting])
    trees = params.timing.trees
    policies = {BASE: highest_probability_first(past, trees), **contenders(past, params.timing)}
    policies |= {**oracle(past, trees), "latent oracle": latent_oracle}
    wins: dict[str, list[list[float]]] = {name: [] for name in policies}
    for seed in companies_of(run):
        company = replayed(params, COMPANY_LEADS, seed, past.fitted)
        for name, policy in policies.items():
            made = policy(company)
            wins[name].append([replay(company, made, capacity)[0] for capacity in CAPACITIES])
    return {
        "setting": run.setting,
        "leads": run.leads,
        "draw": run.draw,
        "seeds": companies_of(run),
        "calls": len(past.rows.calls.label),
        "weeks": past.rows.queue.pairs,
        "seconds": time.monotonic() - begin,
        "wins": wins,
    }


def main() -> None:
    """Run what is missing, then print and write what there is."""
    parser = argparse.ArgumentParser(prog="python -m bench.timing", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one draw of few leads, four companies: a first look")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else FULL
    name = "timing_quick" if arguments.quick else "timing"
    file = RESULTS / f"{name}.json"
    done: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["runs"] if file.exists() else []
    there = {(run["setting"], run["leads"], run["draw"]) for run in done}
    params = load_params(SECTIONS)
    # What the buyer profile learns of outcomes would have to be held out of every fold; here nobody looks at it
    groups = tuple(group for group in params.features.groups if group != "buyer_profile")
    params = params.model_copy(update={"features": params.features.model_copy(update={"groups": groups})})
    with progress() as bar:
        task = bar.add_task("runs", total=len(plan), completed=len(there))
        for run in plan:
            if (run.setting, run.leads, run.draw) in there:
                continue
            bar.update(task, description=f"{run.setting}, {run.leads:,} leads, draw {run.draw + 1}")
            done.append(measure(run, params))
            write_json(file, {"runs": done})
            bar.advance(task)
    text = markdown(done)
    file.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    console.print(text, markup=False, soft_wrap=True)
    console.print(f"{sum(run['seconds'] for run in done) / 3600:.2f} hours of runs; written: {file} and .md beside it")


if __name__ == "__main__":
    run_main(main)
