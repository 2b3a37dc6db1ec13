"""The data scientist's page: which model serves and which others there are, how good they are, and what was set aside."""

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from features.timeline import DAY_US, from_micros
from models.monitoring.overrides import FOLLOWED, Overrides, override_rate
from models.presentation.catalogues import n_, words
from models.presentation.metric_names import DIGITS, metric_name
from models.presentation.model_names import model_name
from models.presentation.numbers import number
from serving.app.lead_list import stage_name
from serving.app.workspace import ROOT, quarantine, read_object, reports
from serving.scoring.registry_watch import ChampionNotice
from serving.scoring.scorer import Scorer
from serving.store.advised_verdicts import advised_verdicts
from serving.store.connect import Store
from serving.store.open_leads import count_open_leads
from serving.store.rescoring import count_leads

__all__ = ["mlflow_pages", "model_values"]


ALIASES = {"champion": n_("champion"), "challenger": n_("challenger"), "previous_champion": n_("previous champion")}
DECISIONS = {"promoted": n_("promoted"), "refused": n_("refused")}
MLFLOW_PAGES = "http://127.0.0.1:5000"
"""Where `make ui` shows MLflow."""

BARS_DAYS = 60
OVERRIDE_DAYS = 90
ADVISED = {"hand_over_now": n_("call now"), "wait_until": n_("wait"), "later": n_("later")}


def model_values(
    scorer: Scorer,
    notice: ChampionNotice,
    store: Store,
    language: str,
    zone: ZoneInfo,
    now: int,
    root: Path = ROOT,
    *,
    is_of_workspace: bool = True,
) -> dict[str, Any]:
    """Give what the template of the model's page shows.

    Parameters
    ----------
    scorer : Scorer
        The model that serves.
    notice : ChampionNotice
        What the service knows of the registry.
    store : Store
    language : str
        Of the texts.
    zone : ZoneInfo
        Of days.
    now : int
        UTC microseconds.
    root : Path
        The folder where the pipeline writes ``metrics/``, ``reports/`` and ``data/``; what is not there is not shown.
    is_of_workspace : bool
        These figures and reports are the model's; False: they are another model's, and are not shown.
    """
    metadata, say = scorer.bundle.metadata, words(language)
    with store.read() as connection:
        counts, queue = count_open_leads(connection, scorer.served_as), count_leads(connection, now)
        overrides = override_rate(advised_verdicts(connection, now - OVERRIDE_DAYS * DAY_US))
    evaluation = read_object(root / "metrics" / "evaluate.json") if is_of_workspace else {}
    monitor = read_object(root / "reports" / "monitor.json") if is_of_workspace else {}
    shown = reports(root) if is_of_workspace else {}
    mlflow = mlflow_pages(os.environ)
    return {
        "model": {**scorer.model, "features": len(scorer.bundle.catalog)},
        "cutoffs": [scorer.bundle.cutoffs[name] for name in ("A", "B", "C")],
        "metadata": metadata,
        "counts": counts,
        "queue": queue,
        "overrides": overrides,
        "override_days": OVERRIDE_DAYS,
        "override_rows": _override_rows(overrides, language),
        "rows": evaluation.get("rows"),
        "capacity": evaluation.get("capacity"),
        "quality_head": [say.gettext("Model"), *(metric_name(metric, language) for metric in DIGITS)],
        "quality": _quality(evaluation, language),
        "versions": [_version(item, notice, mlflow, language, zone) for item in notice.versions],
        "reached": None if not notice.reached_at else dt.datetime.fromtimestamp(notice.reached_at, zone),
        "zone": zone,
        "mlflow": mlflow,
        "live": (monitor.get("summary") or {}).get(language),
        "live_is_of": monitor.get("model") or {},
        "quarantine": [{**item, **_bars(item["days"])} for item in quarantine(root)],
        "reports": {f"/app/reports/{file}?lang={language}": say.say(name) for file, name in shown.items()},
    }


def mlflow_pages(environ: Mapping[str, str]) -> str:
    """Give the address of MLflow's pages: the tracking server's own, else where `make ui` shows them."""
    address = environ.get("MLFLOW_TRACKING_URI", "")
    return address.rstrip("/") if address.startswith(("http://", "https://")) else MLFLOW_PAGES


def _version(
    item: Mapping[str, Any], notice: ChampionNotice, mlflow: str, language: str, zone: ZoneInfo
) -> dict[str, Any]:
    say, champion = words(language), notice.champion
    name = "" if champion is None else champion.name
    return {
        "version": item["version"],
        "serves": champion is not None and item["version"] == champion.version,
        "aliases": [say.say(ALIASES[alias]) if alias in ALIASES else alias for alias in item["aliases"]],
        "registered": from_micros(item["created_at"]).astimezone(zone).date(),
        "decision": say.say(DECISIONS[item["decision"]]) if item["decision"] in DECISIONS else item["decision"],
        "verdict": item["verdict"],
        "address": f"{mlflow}/#/models/{quote(name, safe='')}/versions/{item['version']}",
    }


def _override_rows(overrides: Overrides, language: str) -> list[list[str]]:
    """Give advice, what people did, and how often."""
    say = words(language)
    return [
        [
            say.say(ADVISED[advice]) if advice in ADVISED else advice,
            stage_name(outcome, language),
            say.gettext("as advised") if (advice, outcome) in FOLLOWED else say.gettext("otherwise"),
            number(count, 0, language),
        ]
        for (advice, outcome), count in overrides.counts.items()
    ]


def _bars(days: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Lay rows by day out in a picture of 240 by 24: the last `BARS_DAYS` before the newest of them."""
    if not days:
        return {"bars": [], "most": None}
    last = dt.date.fromisoformat(days[-1][0])
    recent = [(BARS_DAYS - 1 - (last - dt.date.fromisoformat(day)).days, rows) for day, rows in days]
    shown = [(place, rows) for place, rows in recent if place >= 0]
    highest = max(rows for _, rows in shown)
    width = 240 / BARS_DAYS
    return {
        "bars": [(f"{place * width:.1f}", f"{width - 0.6:.1f}", f"{24 * rows / highest:.1f}") for place, rows in shown],
        "most": max(days, key=lambda item: (item[1], item[0])),
    }


def _quality(evaluation: Mapping[str, Any], language: str) -> list[list[str]]:
    """Give product and baselines with their metrics."""
    if "product" not in evaluation:
        return []
    contenders = {"product": evaluation["product"], **evaluation.get("baselines", {})}
    return [
        [
            model_name(name, language),
            *(_metric(values.get(key), digits, language) for key, digits in DIGITS.items()),
        ]
        for name, values in contenders.items()
        if values
    ]


def _metric(metric: Any, digits: int, language: str) -> str:
    return number(metric.get("value") if isinstance(metric, dict) else metric, digits, language)
