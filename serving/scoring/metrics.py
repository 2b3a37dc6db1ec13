"""The metrics of the service, for Prometheus: requests, scores, inputs, the model, and the registry watch.

No label is ever taken from a request: labels are routes, codes, tiers and versions. The server collects the figures
of all workers through files that `prometheus_client` finds by ``PROMETHEUS_MULTIPROC_DIR``; in the
process that starts them there is none, and nothing is counted. Series whose names are known stand there from a worker's first
answer on, at 0: a rate over a series that appears with its first failure misses that failure.
"""

import os
from collections import Counter as Count
from collections.abc import Iterable, Sequence
from pathlib import Path

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
_probability = Histogram("lead_probability", "Calibrated probabilities given.", buckets=_SHARES)
_tiers = Counter("lead_tier", "Leads by tier.", ("tier",))
_not_scored = Counter("lead_not_scored", "Leads without a probability, by why.", ("why",))
_warnings = Counter(
    "lead_warnings", "Warnings by code: unknown kinds, channels, categories, late touchpoints.", ("code",)
)
_touchpoints = Histogram(
    "lead_touchpoints", "Touchpoints per lead.", buckets=(0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000)
)
_quiet = Histogram(
    "lead_quiet_days",
    "Days from a lead's latest touchpoint to its snapshot.",
    buckets=(0, 1, 2, 7, 14, 30, 60, 90, 180, 365),
)
_attributes = Histogram("lead_attributes", "Attributes given per lead.", buckets=(0, 1, 2, 5, 10, 20, 50, 100, 500))
_waiting = Gauge(
    "lead_rescore_waiting", "Leads that wait to be scored again for webhooks.", multiprocess_mode="livemostrecent"
)
_given_up = Gauge(
    "lead_rescore_given_up",
    "Leads that could not be scored again, until a write or a sweep takes them up.",
    multiprocess_mode="livemostrecent",
)
_models = Gauge("lead_model_workers", "Workers that serve a version.", ("name", "version"), multiprocess_mode="livesum")
_loads = Counter("lead_model_loads", "Bundles that workers loaded, or refused.", ("outcome",))
_looks = Gauge(
    "lead_registry_looks", "Looks at the registry, by what came of it.", ("outcome",), multiprocess_mode="max"
)
_reached = Gauge(
    "lead_registry_reached_timestamp_seconds", "When the registry last answered; 0: never.", multiprocess_mode="max"
)
_serving: list[tuple[str, str]] = []


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


def observe_scores(leads: Sequence[LeadRequest], scores: Sequence[Score]) -> None:
    """Count what came in and what went out, one lead at a time."""
    for lead, score in zip(leads, scores, strict=True):
        touchpoints = lead.journey.touchpoints
        _touchpoints.observe(len(touchpoints))
        visible = [item.occurred_at for item in touchpoints if before(item.occurred_at, lead.snapshot_at)]
        if visible:
            _quiet.observe((lead.snapshot_at - max(visible)) / DAY_US)
        _attributes.observe(len(lead.attributes) + len(lead.account_attributes))
        if score.probability is not None:
            _probability.observe(score.probability)
            _tiers.labels(score.tier).inc()
        else:
            _not_scored.labels(score.not_scored).inc()
        for code, count in Count(warning.code for warning in score.warnings).items():
            _warnings.labels(code).inc(count)


def observe_rescoring(waiting: int, given_up: int) -> None:
    """Say how many leads the dispatchers' queue holds; each process counts the same store."""
    _waiting.set(waiting)
    _given_up.set(given_up)


def serving_model(name: str, version: str) -> None:
    """Say which model this worker serves from now on."""
    if not _serving:
        _begin_at_zero()
    for earlier in _serving:
        _models.labels(*earlier).set(0)
    _serving[:] = [(name, version)]
    _models.labels(name, version).set(1)
    _loads.labels("loaded").inc()


def _begin_at_zero() -> None:
    label_values = ((_tiers, TIERS), (_not_scored, NOT_SCORED), (_warnings, CODES), (_loads, ("loaded", "refused")))
    for metric, names in label_values:
        for name in names:
            metric.labels(name)


def refused_model() -> None:
    """Say that this worker could not load a bundle, and kept the old one."""
    _loads.labels("refused").inc()


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
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def observe_notice(notice: ChampionNotice) -> None:
    """Pass on how the checks of the registry went."""
    for outcome in REGISTRY_CHECK_RESULTS:
        _looks.labels(outcome).set(notice.looks.get(outcome, 0))
    _reached.set(notice.reached_at)
