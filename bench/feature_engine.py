"""How fast the feature engine folds journeys into the features of params.yaml: `python -m bench.feature_engine`.

Many leads with the features of their own touchpoints; one lead with all groups, as the service asks for; and what one lead with
100,000 touchpoints costs the others.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from features.catalog import Catalog, build_catalog
from features.compute import Snapshots, compute_features, warm_up
from features.journeys import Journeys, LeadJourney, TouchpointRecord
from features.timeline import DAY_US
from pipeline.console import console
from pipeline.params import load_params

KINDS = ("mail_open", "mail_click", "page_view", "download", "webinar", "trade_fair", "social_chat", "contact_form")
ASSETS = (
    "pricing",
    "compatibility/a",
    "documentation/b",
    "ebook_1",
    "white_paper_2",
    "case_study_3",
    "blog/1",
    "blog/2",
)
CHANNELS = ("mail", "web", "fair", "social")
DAYS = 540
START = 19_700 * DAY_US


def simulated_touchpoints(leads: int, per_lead: int, late_share: float, seed: int = 1) -> pa.Table:
    """Draw touchpoints at random, in random order; a share of them recorded up to three days late."""
    rng = np.random.default_rng(seed)
    n = leads * per_lead
    occurred = START + rng.integers(0, DAYS * DAY_US, n)
    delay = np.where(rng.random(n) < late_share, rng.integers(1, 3 * DAY_US, n), 0)

    def text(values: tuple[str, ...], share: tuple[float, ...] | None = None) -> pa.DictionaryArray:
        codes = rng.choice(len(values), n, p=share).astype(np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(values))

    moments = pa.timestamp("us", tz="UTC")
    return pa.table(
        {
            "lead_id": pa.array([f"L-{i:07d}" for i in range(leads)]).take(pa.array(rng.integers(0, leads, n))),
            "occurred_at": pa.array(occurred).cast(moments),
            "recorded_at": pa.array(occurred + delay).cast(moments),
            "kind": text(KINDS, (0.35, 0.1, 0.35, 0.08, 0.04, 0.02, 0.04, 0.02)),
            "channel": text(CHANNELS),
            "asset": text(ASSETS),
            "value": rng.random(n),
        }
    )


def best_of(times: int, action: Callable[[], Any]) -> tuple[float, Any]:
    """Give the shortest time in seconds, and the last result."""
    seconds = []
    result = None
    for _ in range(times):
        result = None  # its memory is used again: the first touch of new pages would be measured instead
        begin = time.perf_counter()
        result = action()
        seconds.append(time.perf_counter() - begin)
    return min(seconds), result


def every_lead(leads: int, snapshots: int) -> Snapshots:
    """Look at each lead so many times, a week apart, the last time at the end."""
    moments = START + DAYS * DAY_US - 7 * DAY_US * np.arange(snapshots)[::-1]
    return Snapshots(np.repeat(np.arange(leads), snapshots), np.tile(moments, leads))


def main() -> None:
    """Print touchpoints/s, rows/s and the time of one lead."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--touchpoints", type=int, default=40, help="per lead, on average")
    leads, per_lead = parser.parse_args().leads, parser.parse_args().touchpoints
    params = load_params(("features",)).features
    whole = build_catalog(params, [])
    own = tuple(group for group in params.groups if group in ("engagement", "stages"))
    catalog = build_catalog(params.model_copy(update={"groups": own}), [])
    begin = time.perf_counter()
    warm_up()
    console.print(f"{len(catalog)} features ({', '.join(own)}); kernel ready after {time.perf_counter() - begin:.1f} s")

    ids = [f"L-{i:07d}" for i in range(leads)]
    for late_share in (0.0, 0.05):
        table = simulated_touchpoints(leads, per_lead, late_share)
        n = len(table)
        seconds, journeys = best_of(2, lambda table=table: Journeys.from_arrow(table, None, None, ids))
        plain = table.set_column(0, "lead_id", table["lead_id"].cast(pa.string()))
        console.print(
            f"\n{n:,} touchpoints of {leads:,} leads, {late_share:.0%} recorded late ({journeys.late.mean():.0%} of leads)"
        )
        console.print(
            f"  from_arrow, unsorted              {seconds:8.2f} s   {n / seconds / 1e6:8.1f} M touchpoints/s"
        )
        order = np.lexsort((plain["occurred_at"].cast(pa.int64()).to_numpy(), plain["lead_id"].to_numpy()))
        ordered = plain.take(pa.array(order))
        seconds, _ = best_of(2, lambda ordered=ordered: Journeys.from_arrow(ordered, None, None, ids))
        console.print(
            f"  from_arrow, sorted                {seconds:8.2f} s   {n / seconds / 1e6:8.1f} M touchpoints/s"
        )
        for count in (1, 26):
            chosen = every_lead(leads, count)
            for threads in (1, 2):
                seconds, _ = best_of(
                    3, lambda j=journeys, s=chosen, t=threads: compute_features(j, s, catalog, threads=t)
                )
                console.print(
                    f"  {count:2d} snapshot(s) per lead, {threads} thread(s) {seconds:8.2f} s   {n / seconds / 1e6:8.1f} M "
                    f"touchpoints/s   {len(chosen) / seconds / 1e6:6.2f} M rows/s"
                )

    one_lead(whole)
    one_long_journey(leads, per_lead, catalog)


def one_lead(catalog: Catalog) -> None:
    """Print the time from a built journey of 40 touchpoints to the vector of all groups, and from records to the journey."""
    rng = np.random.default_rng(2)
    records = [
        TouchpointRecord(str(kind), int(at), channel="web", asset=str(asset))
        for kind, asset, at in zip(
            rng.choice(KINDS, 40), rng.choice(ASSETS, 40), START + rng.integers(0, 90 * DAY_US, 40), strict=True
        )
    ]
    request = [LeadJourney("L-1", records)]
    one = Journeys.from_records(request)
    moment = Snapshots(np.array([0]), np.array([START + 90 * DAY_US]))
    repeats = 5_000
    computed, _ = best_of(3, lambda: [compute_features(one, moment, catalog) for _ in range(repeats)])
    built, _ = best_of(3, lambda: [Journeys.from_records(request) for _ in range(repeats)])
    console.print(
        f"\none lead of 40 touchpoints: {len(catalog)} features {computed / repeats * 1e6:.0f} us, "
        f"building its journey {built / repeats * 1e6:.0f} us"
    )


def one_long_journey(leads: int, per_lead: int, catalog: Catalog, touchpoints: int = 100_000) -> None:
    """Print what one lead with so many touchpoints adds, alone and among the others."""
    ids = [f"L-{i:07d}" for i in range(leads)]
    usual = simulated_touchpoints(leads, per_lead, 0.0)
    long = simulated_touchpoints(1, touchpoints, 0.0, seed=2)
    chosen = every_lead(leads, 1)
    seconds = {}
    for name, table, count in (
        ("without", usual, leads),
        ("with", pa.concat_tables([usual, long], promote_options="default").unify_dictionaries(), leads),
        ("alone", long, 1),
        ("alone, half as long", long.slice(0, touchpoints // 2), 1),
    ):
        journeys = Journeys.from_arrow(table, None, None, ids[:count])
        looks = chosen if count > 1 else every_lead(1, 1)
        seconds[name], _ = best_of(3, lambda j=journeys, s=looks: compute_features(j, s, catalog))
    console.print(
        f"one lead with {touchpoints:,} touchpoints: alone {seconds['alone'] * 1e3:.1f} ms "
        f"(half as long: {seconds['alone, half as long'] * 1e3:.1f} ms), {leads:,} others with it {seconds['with']:.2f} s, "
        f"without it {seconds['without']:.2f} s"
    )


if __name__ == "__main__":
    main()
