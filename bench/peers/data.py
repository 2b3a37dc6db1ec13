"""Touchpoints and snapshots drawn at random, as a company's might look: few leads do much, most do little."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.peers.definition import DAY_US

__all__ = ["END", "SETTINGS", "draw_snapshots", "draw_touchpoints", "leads_part", "write_data"]

KINDS = {
    "page_view": 0.34,
    "mail_open": 0.27,
    "mail_click": 0.10,
    "download": 0.07,
    "webinar": 0.035,
    "trade_fair": 0.015,
    "social_chat": 0.04,
    "contact_form": 0.015,
    "demo_request": 0.01,
    "quote_request": 0.005,
    "ad_click": 0.07,
    "search": 0.03,
}
CHANNELS = {
    "web": 0.45,
    "mail": 0.30,
    "paid": 0.08,
    "social": 0.06,
    "partner": 0.04,
    "community": 0.03,
    "fair": 0.02,
    "phone": 0.02,
}
FOLDERS = {"pricing": 8, "documentation": 40, "blog": 80, "ebook": 22, "case_study": 30, "product": 20}
END = 20_089 * DAY_US
"""2025-01-01, a Wednesday: no touchpoint occurs later, and the last snapshot is taken then."""
DAYS = 548
SETTINGS = {"one": 1, "weekly": 26}
"""Snapshots per lead."""

_MOMENT = pa.timestamp("us", tz="UTC")


def draw_touchpoints(leads: int, touchpoints: int, seed: int = 7) -> pa.Table:
    """Draw touchpoints in random order: 4 % have no channel, 20 % no asset, 12 % a value, 5 % are recorded late.

    Times are whole seconds for half of them, so that some of a lead fall together; leads become active at different times.

    Returns
    -------
    Table
        lead_id, occurred_at, recorded_at, kind, channel, asset, value.
    """
    rng = np.random.default_rng(seed)
    weight = rng.lognormal(0.0, 1.1, leads)
    lead = rng.choice(leads, touchpoints, p=weight / weight.sum())
    first = rng.integers(0, (DAYS - 60) * DAY_US, leads)
    # activity thins out after a lead's beginning
    occurred = END - DAYS * DAY_US + first[lead]
    occurred += ((DAYS * DAY_US - first[lead]) * rng.beta(1.0, 1.6, touchpoints)).astype(np.int64)
    occurred = np.where(rng.random(touchpoints) < 0.5, occurred // 1_000_000 * 1_000_000, occurred)
    late = rng.random(touchpoints) < 0.05
    recorded = occurred + np.where(late, rng.integers(1, 5 * DAY_US, touchpoints), 0)
    assets = [f"{folder}/{number:02d}" for folder, many in FOLDERS.items() for number in range(many)]
    liked = 1.0 / np.arange(1, len(assets) + 1) ** 0.7
    rng.shuffle(liked)
    value = np.round(rng.gamma(1.5, 120.0, touchpoints), 2)

    def text(values: list[str], share: np.ndarray, missing: float) -> pa.Array:
        codes = rng.choice(len(values), touchpoints, p=share / share.sum()).astype(np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=rng.random(touchpoints) < missing), values)

    return pa.table(
        {
            "lead_id": pa.DictionaryArray.from_arrays(pa.array(lead.astype(np.int32)), _lead_ids(leads)),
            "occurred_at": pa.array(occurred).cast(_MOMENT),
            "recorded_at": pa.array(recorded, mask=rng.random(touchpoints) < 0.3 * ~late).cast(_MOMENT),
            "kind": text(list(KINDS), np.array(list(KINDS.values())), 0.0),
            "channel": text(list(CHANNELS), np.array(list(CHANNELS.values())), 0.04),
            "asset": text(assets, liked, 0.2),
            "value": pa.array(value, mask=rng.random(touchpoints) >= 0.12),
        }
    )


def draw_snapshots(leads: int, per_lead: int, seed: int = 11) -> pa.Table:
    """Draw the moments at which leads are looked at, in random order: one of the last half year's days, or each of its weeks.

    Returns
    -------
    Table
        lead_id, snapshot_at.
    """
    rng = np.random.default_rng(seed)
    if per_lead == 1:
        lead, at = np.arange(leads), END - DAY_US * rng.integers(0, 182, leads)
    else:
        lead = np.repeat(np.arange(leads), per_lead)
        at = np.tile(END - 7 * DAY_US * np.arange(per_lead), leads)
    order = rng.permutation(len(lead))
    ids = pa.DictionaryArray.from_arrays(pa.array(lead[order].astype(np.int32)), _lead_ids(leads))
    return pa.table({"lead_id": ids, "snapshot_at": pa.array(at[order]).cast(_MOMENT)})


def _lead_ids(leads: int) -> list[str]:
    return [f"L-{number:07d}" for number in range(leads)]


def _plain(table: pa.Table) -> pa.Table:
    """Turn encoded text into plain text, as a table comes from elsewhere."""
    fields = [pa.field(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in table.schema]
    return table.cast(pa.schema(fields))


def leads_part(path: Path, out: Path, leads: int) -> Path:
    """Write the rows of the first leads of a file, in its order."""
    table = pq.read_table(path)
    pq.write_table(table.filter(pa.compute.less(table["lead_id"], f"L-{leads:07d}")), out)
    return out


def write_data(folder: Path, leads: int, touchpoints: int) -> None:
    """Write ``touchpoints.parquet``, the same sorted by lead and time, and ``snapshots_<setting>.parquet``, where missing."""
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "complete"
    if done.exists():
        return
    drawn = _plain(draw_touchpoints(leads, touchpoints))
    pq.write_table(drawn, folder / "touchpoints.parquet")
    pq.write_table(drawn.sort_by([("lead_id", "ascending"), ("occurred_at", "ascending")]), folder / "sorted.parquet")
    for setting, per_lead in SETTINGS.items():
        pq.write_table(_plain(draw_snapshots(leads, per_lead)), folder / f"snapshots_{setting}.parquet")
    done.touch()
