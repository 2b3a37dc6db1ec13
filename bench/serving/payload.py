"""Requests as a CRM would send them: leads of the simulator, each with exactly so many touchpoints."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from features.catalog import Catalog
from models.answers.frames import COLUMNS
from pipeline.scoring.requests import lead_requests
from pipeline.tables.parquet import read_table

__all__ = ["draw_leads", "for_mlflow", "for_service", "write_script"]

SEED = 7
LUA = Path(__file__).with_name("post.lua")


def draw_leads(data: Path, catalog: Catalog, count: int, touchpoints: int) -> list[dict[str, Any]]:
    """Draw open leads with at least so many touchpoints, and keep the latest of them before the snapshot."""
    snapshots = read_table(data / "snapshots.parquet", "snapshots").to_pandas()
    snapshots = snapshots[snapshots["is_headline"]]
    counts = read_table(data / "canonical" / "touchpoints.parquet", "touchpoints").to_pandas()["lead_id"].value_counts()
    rich = snapshots[snapshots["lead_id"].map(counts).fillna(0) >= 2 * touchpoints]
    chosen = rich.sample(min(len(rich), 20 * count), random_state=SEED).reset_index(drop=True)
    leads = []
    for lead in lead_requests(data / "canonical", chosen, catalog):
        at = pd.Timestamp(lead["snapshot_at"])
        known = [t for t in lead["touchpoints"] if pd.Timestamp(t.get("recorded_at", t["occurred_at"])) < at]
        if len(known) >= touchpoints:
            lead["touchpoints"] = sorted(known, key=lambda t: pd.Timestamp(t["occurred_at"]))[-touchpoints:]
            lead["stage_changes"] = [c for c in lead["stage_changes"] if pd.Timestamp(c["occurred_at"]) < at]
            leads.append(lead)
        if len(leads) == count:
            return leads
    raise SystemExit(f"only {len(leads)} leads in {data} have {touchpoints} touchpoints; run `make demo` first.")


def for_service(lead: dict[str, Any], reasons: int) -> str:
    """Write one lead as a body of `POST /score`."""
    return json.dumps({"leads": [lead], "reasons": reasons})


def for_mlflow(lead: dict[str, Any], reasons: int) -> str:
    """Write the same lead as a body of `POST /invocations`, which takes a data frame."""
    account = lead.get("account", {})
    parts = {
        "attributes": lead["attributes"],
        "account_attributes": account.get("attributes", {}),
        "touchpoints": lead["touchpoints"],
        "stage_changes": lead["stage_changes"],
        "account_touchpoints": account.get("touchpoints", []),
        "account_stage_changes": account.get("stage_changes", []),
        "account_orders": account.get("orders", []),
    }
    row = [lead.get(name) if name not in parts else json.dumps(parts[name]) for name in COLUMNS]
    frame = {"columns": list(COLUMNS), "data": [row]}
    return json.dumps({"dataframe_split": frame, "params": {"reasons": reasons, "language": "en"}})


def write_script(path: Path, bodies: list[str]) -> Path:
    """Write the script that makes wrk post these bodies in turn and print its figures as JSON."""
    listed = ",\n".join(json.dumps(body) for body in bodies)
    path.write_text(f"bodies = {{\n{listed}\n}}\n{LUA.read_text(encoding='utf-8')}", encoding="utf-8")
    return path
