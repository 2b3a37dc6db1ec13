"""The metrics of the service, for Prometheus: requests, scores, inputs, the model, and the registry watch.

No label is ever taken from a request: labels are routes, codes, tiers, versions, and the models that this service serves.
The server collects the figures of all workers through files that `prometheus_client` finds by ``PROMETHEUS_MULTIPROC_DIR``;
in the process that starts them there is none, and nothing is counted. Series whose names are known stand there from a worker's
first answer on, at 0: a rate over a series that appears with its first failure misses that failure.
"""

import os
from collections import Counter as Count
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from features.timeline import DAY_US, before
from models.answers.requests import LeadRequest
from models.answers.scoring import NOT_SCORED, Score
from models.answers.warnings import CODES
from models.calibration.tiers import TIERS
from serving.scoring.registry_watch import REGISTRY_CHECK_RESULTS, ChampionNotice

__all__ = [
    "CONTENT_TYPE_LATEST",
    "begin_at_zero",
    "exposition",
    "observe_notice",
    "observe_request",
    "observe_rescoring",
    "observe_scores",
    "refused_model",
    "serving_model",
]

_SHARES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

_requests = Counter("lead_requests", "Requests by address and status.", ("path", "status"))
_seconds = Histogram("lead_request_seconds", "From a request's first byte to its answer.", ("path",), buckets=_SECONDS)
_probability = Histogram("lead_probability", "Calibrated probabilities given.", ("model",), buckets=_SHARES)
_tiers = Counter("lead_tier", "Leads by tier.", ("model", "tier"))
_not_scored = Counter("lead_not_scored", "Leads without a probability, by why.", ("model", "why"))
_warnings = Counter(
    "lead_warnings", "Warnings by code: unknown kinds, channels, categories, late touchpoints.", ("model", "code")
)
_touchpoints = Histogram(
    "lead_touchpoints",
    "Touchpoints per lead.",
    ("model",),
    buckets=(0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000),
)
_quiet = Histogram(
    "lead_quiet_days",
    "Days from a lead's latest touchpoint to its snapshot.",
    ("model",),
    buckets=(0, 1, 2, 7, 14, 30, 60, 90, 180, 365),
)
_attributes = Histogram(
    "lead_attributes", "Attributes given per lead.", ("model",), buckets=(0, 1, 2, 5, 10, 20, 50, 100, 500)
)
_waiting = Gauge(
    "lead_rescore_waiting", "Leads that wait to be scored again for webhooks.", multiprocess_mode="livemostrecent"
)
_given_up = Gauge(
    "lead_rescore_given_up",
    "Leads that could not be scored again, until a write or a sweep takes them up.",
    multiprocess_mode="livemostrecent",
)
_models = Gauge(
    "lead_model_workers", "Workers that serve a version.", ("model", "name", "version"), multiprocess_mode="livesum"
)
_loads = Counter("lead_model_loads", "Bundles that workers loaded, or refused.", ("model", "outcome"))
_looks = Gauge(
    "lead_registry_looks", "Looks at the registry, by what came of it.", ("model", "outcome"), multiprocess_mode="max"
)
_reached = Gauge(
    "lead_registry_reached_timestamp_seconds",
    "When the registry last answered; 0: never.",
    ("model",),
    multiprocess_mode="max",
)
_serving: dict[str, tuple[str, str, str]] = {}


def observe_request(path: str, status: int, seconds: float) -> None:
    """Count an answer.

    Parameters
    ----------
    path : str
        Template of the route; ``other`` where there is none.
    status : int
        HTTP status; 0: the caller was gone.
    seconds : float
        How long it took.
    """
    _requests.labels(path, str(status)).inc()
    _seconds.labels(path).observe(seconds)


def observe_scores(model: str, leads: Sequence[LeadRequest], scores: Sequence[Score]) -> None:
    """Count what came in and what went out of a model, one lead at a time."""
    touchpoints_seen, attributes_seen = _touchpoints.labels(model), _attributes.labels(model)
    quiet_seen, given = _quiet.labels(model), _probability.labels(model)
    for lead, score in zip(leads, scores, strict=True):
        touchpoints = lead.journey.touchpoints
        touchpoints_seen.observe(len(touchpoints))
        visible = [item.occurred_at for item in touchpoints if before(item.occurred_at, lead.snapshot_at)]
        if visible:
            quiet_seen.observe((lead.snapshot_at - max(visible)) / DAY_US)
        attributes_seen.observe(len(lead.attributes) + len(lead.account_attributes))
        if score.probability is not None:
            given.observe(score.probability)
            _tiers.labels(model, score.tier).inc()
        else:
            _not_scored.labels(model, score.not_scored).inc()
        for code, count in Count(warning.code for warning in score.warnings).items():
            _warnings.labels(model, code).inc(count)


def observe_rescoring(waiting: int, given_up: int) -> None:
    """Say how many leads the dispatchers' queue holds; each process counts the same store."""
    _waiting.set(waiting)
    _given_up.set(given_up)


def serving_model(model: str, name: str, version: str) -> None:
    """Say which version of a model this worker serves from now on."""
    begin_at_zero(model)
    if model in _serving:
        _models.labels(*_serving[model]).set(0)
    _serving[model] = (model, name, version)
    _models.labels(*_serving[model]).set(1)
    _loads.labels(model, "loaded").inc()


def begin_at_zero(model: str) -> None:
    """Let the series of a model stand there before anything is counted."""
    label_values = ((_tiers, TIERS), (_not_scored, NOT_SCORED), (_warnings, CODES), (_loads, ("loaded", "refused")))
    for metric, names in label_values:
        for name in names:
            metric.labels(model, name)
    for alone in (_probability, _touchpoints, _quiet, _attributes):
        alone.labels(model)


def refused_model(model: str) -> None:
    """Say that this worker could not load a bundle, and kept the old one."""
    _loads.labels(model, "refused").inc()


def exposition() -> bytes:
    """Write the figures of all workers in Prometheus' text format; what a dead worker was doing is left out."""
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    for path in folder.glob("gauge_live*.db"):
        if not _is_alive(int(path.stem.rsplit("_", 1)[1])):
            path.unlink(missing_ok=True)  # another worker may be answering, too
    registry = CollectorRegistry()
    registry.register(_Workers(folder))
    return generate_latest(registry)


class _Workers:
    """Collects what stands in the files of all workers.

    The library's own collector fails at a file that a starting worker has just created and not yet given a size, and the whole
    answer with it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def collect(self) -> Iterable[Metric]:
        """Read and add up; see `MultiProcessCollector`."""
        files = [str(path) for path in self.folder.glob("*.db") if _size(path) > 0]
        merged: Iterable[Metric] = multiprocess.MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return merged


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # of a dead worker, and removed meanwhile
        return 0


def _is_alive(pid: int) -> bool:
    try:
        status = psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return False
    return bool(status != psutil.STATUS_ZOMBIE)  # dead, and not yet waited for by the server


def observe_notice(model: str, notice: ChampionNotice) -> None:
    """Pass on how the checks of the registry went, and whether there is anything to serve."""
    if notice.champion is None:
        begin_at_zero(model)
        _models.labels(model, "", "").set(0)
    for outcome in REGISTRY_CHECK_RESULTS:
        _looks.labels(model, outcome).set(notice.looks.get(outcome, 0))
    _reached.labels(model).set(notice.reached_at)
