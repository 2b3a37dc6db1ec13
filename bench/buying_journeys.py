"""Personas and announcing behaviour held to simulated companies: `python -m bench.buying_journeys [personas|shuffled|scale N]`.

`personas`: adjusted Rand index with planted personas and with the hidden types of leads, beside k-means on plain counts.
`shuffled`: 100 times each lead is given another one's fate; in how many is any behaviour said to announce.
`scale`: processor seconds and memory of the stage's work on N leads, a million by default: a small company, repeated.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.progress import Progress
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from bench.repeated_company import repeat_company
from features.timeline import DAY_US
from models.answers.risk_set import RiskSet
from pipeline.console import console, run_main
from pipeline.params import load_params
from pipeline.population.risk_set import risk_periods
from pipeline.sales_funnel.behaviour import announcing_behaviour
from pipeline.sales_funnel.buying_content import behaviour_content, channels_content
from pipeline.sales_funnel.first_mqls import NEVER, FirstMqls, read_first_mqls
from pipeline.sales_funnel.journey_paths import JourneyPaths, read_paths, visits_between
from pipeline.sales_funnel.personas import find_personas, make_personas, read_attributes
from pipeline.sales_funnel.personas_profile import behaviour_counts
from pipeline.simulate import SECTIONS, simulate
from pipeline.tables.ingested import ingest
from pipeline.tables.parquet import write_table

__all__ = ["main"]

SHUFFLES = 100
REPEATED = 20_000
STRENGTHS = (0.0, 0.3, 0.5, 0.8)


def _company(folder: Path, **simulator: Any) -> Path:
    params = load_params(SECTIONS)
    folder.mkdir(exist_ok=True)
    with Progress(disable=True) as bar:
        simulate(params.simulator.model_copy(update=simulator), params, folder / "raw", folder / "truth", bar)
    ingest(Path("pipeline/sources/simulated.sql"), folder / "raw", folder / "canonical", folder / "quarantine", 0.05)
    periods = pa.Table.from_pandas(risk_periods(folder / "canonical", RiskSet("mql", 120)), preserve_index=False)
    write_table(folder / "risk_periods.parquet", "risk_periods", periods)
    return folder


def _journeys(folder: Path, params: Any) -> tuple[JourneyPaths, FirstMqls]:
    paths = read_paths(folder / "canonical", params.features.selectors)
    return paths, read_first_mqls(folder / "canonical", folder / "risk_periods.parquet", paths)


def _plain(paths: JourneyPaths, lead: np.ndarray, until: np.ndarray, clusters: int) -> np.ndarray:
    seen = visits_between(paths, lead, until - 365 * DAY_US, until)
    counts = behaviour_counts(paths, seen, len(lead)).contents
    scaled = (counts - counts.mean(axis=0)) / (counts.std(axis=0) + 1e-9)
    return np.asarray(KMeans(clusters, n_init=10, random_state=0).fit(scaled).labels_)


def judge_personas(leads: int = 16_000) -> None:
    params = load_params(("features", "labels", "personas"))
    for strength in STRENGTHS:
        with tempfile.TemporaryDirectory() as name:
            folder = _company(Path(name), leads=leads, personas=strength)
            paths, mqls = _journeys(folder, params)
            known = read_attributes(folder / "canonical", paths, mqls).values
            truth = pq.read_table(folder / "truth" / "lead_truth.parquet").to_pandas().drop_duplicates("lead_id")
            truth = truth.set_index("lead_id").reindex(paths.lead_ids[mqls.lead])
        customer = np.flatnonzero((mqls.bought_at < NEVER) & (mqls.bought_at > mqls.mql_at))
        found = find_personas(paths, mqls, known, customer, mqls.bought_at[customer], 365, params.personas)
        all_drawn = params.personas.model_copy(update={"most_customers": max(len(mqls), 200)})
        everybody = find_personas(paths, mqls, known, np.arange(len(mqls)), mqls.mql_at, 365, all_drawn)
        rule = np.full(len(mqls), -1) if found.assignment is None else found.assignment.persona
        plain = _plain(paths, mqls.lead[customer], mqls.bought_at[customer], 4)
        plain_all = _plain(paths, mqls.lead, mqls.mql_at, 4)
        told = [f"personas {strength}: {len(customer)} customers, {len(found.segments)} segments shown"]
        if strength:
            told += [
                f"planted, customers {adjusted_rand_score(truth['persona'].iloc[customer], found.segments.label):.3f}",
                f"plain k-means {adjusted_rand_score(truth['persona'].iloc[customer], plain):.3f}",
                f"planted, all MQLs by the rule {adjusted_rand_score(truth['persona'], rule):.3f}",
                f"plain k-means {adjusted_rand_score(truth['persona'], plain_all):.3f}",
            ]
        told += [
            f"hidden types, all {len(mqls)} MQLs: {adjusted_rand_score(truth['type'], everybody.segments.label):.3f}",
            f"by the customers' rule {adjusted_rand_score(truth['type'], rule):.3f}",
            f"plain k-means {adjusted_rand_score(truth['type'], plain_all):.3f}",
        ]
        console.print("; ".join(told), soft_wrap=True)


def shuffled(mqls: FirstMqls, seed: int) -> FirstMqls:
    """Give every lead the fate of another one, at the same distance from its MQL moment."""
    other = np.random.default_rng(seed).permutation(len(mqls))
    moved = {}
    for name in ("ended_at", "contact_at", "qualified_at", "bought_at"):
        at = getattr(mqls, name)[other]
        moved[name] = np.where(at < NEVER, at - mqls.mql_at[other] + mqls.mql_at, NEVER)
    return replace(mqls, **moved)


def judge_shuffled(leads: int = 16_000) -> None:
    params = load_params(("features", "labels", "personas"))
    with tempfile.TemporaryDirectory() as name:
        paths, mqls = _journeys(_company(Path(name), leads=leads), params)
    real = announcing_behaviour(paths, mqls, params.labels, params.personas)
    console.print(f"as they are: {len(real.announced)} patterns of {real.candidates}, {real.held} asked of later leads")
    counts = [
        len(announcing_behaviour(paths, shuffled(mqls, seed), params.labels, params.personas).announced)
        for seed in range(SHUFFLES)
    ]
    console.print(
        f"shuffled: nothing announces in {counts.count(0)} of {SHUFFLES}; patterns in the others {[c for c in counts if c]}"
    )


def measure_scale(leads: int = 1_000_000) -> None:
    """Simulate a company of `REPEATED` leads, repeat it until there are about so many, and measure in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = _company(Path(name) / "once", leads=min(leads, REPEATED))
        repeat_company(folder, Path(name) / "often", max(1, round(leads / REPEATED)))
        command = [sys.executable, "-m", "bench.buying_journeys", "analyse", str(Path(name) / "often")]
        subprocess.run(command, check=True)


def analyse(folder: str) -> None:
    """Do the stage's work on the tables in a folder; print processor seconds of each part, and the peak of memory."""
    params = load_params(("features", "labels", "personas"))
    facts = (params.features, params.labels, params.personas)
    laps: dict[str, float] = {}
    peaks: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        begun = time.process_time()
        done = work()
        laps[name] = time.process_time() - begun
        peaks[name] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return done

    begun = time.perf_counter()
    canonical = Path(folder) / "canonical"
    paths, mqls = timed("reading", lambda: _journeys(Path(folder), params))
    made = timed("personas", lambda: make_personas(canonical, paths, mqls, "simulated", *facts, names=[]))
    timed("behaviour", lambda: behaviour_content(paths, mqls, "simulated", *facts))
    timed("channels", lambda: channels_content(paths, mqls, "simulated", params.labels, params.personas))
    told = ", ".join(f"{name} {seconds:.1f} s and {peaks[name]:,.0f} MiB" for name, seconds in laps.items())
    console.print(
        f"{len(paths):,} leads, {len(paths.content):,} touchpoints, {len(mqls):,} MQLs, "
        f"{0 if made is None else made.customers:,} customers: {sum(laps.values()):.1f} s of processor time and a peak of "
        f"{max(peaks.values()):,.0f} MiB ({told} so far); {time.perf_counter() - begun:.1f} s by the clock",
        soft_wrap=True,
    )


def main(arguments: list[str]) -> None:
    """Run one of the three, or all."""
    if arguments[:1] == ["analyse"]:
        return analyse(arguments[1])
    asked = arguments[:1] or ["personas", "shuffled", "scale"]
    number = [int(value) for value in arguments[1:2]]
    for name in asked:
        {"personas": judge_personas, "shuffled": judge_shuffled, "scale": measure_scale}[name](*number)
    return None


if __name__ == "__main__":
    run_main(lambda: main(sys.argv[1:]))
