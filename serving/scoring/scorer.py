"""From the bytes of a request to the bytes of its answer. Knows neither BentoML nor the clock."""

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from features.compute import warm_up as warm_up_features
from features.errors import JourneyError
from features.timeline import from_micros
from models.analyses import ANALYSES, FOLDER, read_all
from models.analyses.figures import Content
from models.answers.confirmation import REQUIRED
from models.answers.decision import decision_json, decision_of, price_warnings
from models.answers.reasons import Reason
from models.answers.requests import LeadRequest, parse_lead
from models.answers.score_changes import Change, changes
from models.answers.scoring import Score, score_requests
from models.answers.slot_price import SlotPrice
from models.answers.warnings import future_snapshot, warning_entry
from models.audit_log.writer import AuditLogWriter
from models.bundle import Bundle
from models.data_protection.redactor import Redactor
from models.monitoring.score_log_writer import ScoreLogWriter
from serving.contract import examples
from serving.contract.errors import RequestError
from serving.contract.limits import CLOCK_TOLERANCE_US
from serving.contract.model_names import DEFAULT_MODEL
from serving.contract.strict_json import parse_json
from serving.contract.validation import read_options, refused
from serving.http.actor import ACTOR
from serving.http.lead_ids import lead_ids

__all__ = ["Marked", "Observe", "Scorer", "nobody_objected", "score_entry", "with_future_warning"]

_log = logging.getLogger("bentoml.lead_qualification.scorer")

Observe = Callable[[Sequence[LeadRequest], Sequence[Score]], None]


Marked = Callable[[list[LeadRequest]], list[LeadRequest]]
"""Gives the leads with those marked that objected, who are not scored."""


def nobody_objected(leads: list[LeadRequest]) -> list[LeadRequest]:
    """Where nobody can have objected: while the model is warmed up."""
    return leads


def _observe_nothing(leads: Sequence[LeadRequest], scores: Sequence[Score]) -> None:
    """Where nobody counts."""


class Scorer:
    """Answers requests with one bundle.

    Parameters
    ----------
    bundle : Bundle
        The model.
    name, version : str
        What to call it in answers.
    served_as : str
        What requests, metrics and the store call it.
    analyses : mapping of str to Content, optional
        Those that were published beside the bundle, by name.

    Attributes
    ----------
    observe : callable
        Called with the leads and the scores of each request.
    log : ScoreLogWriter or None
        Where answers are handed to; None: nowhere.
    marked : callable
        Marks the leads that objected.
    redactor : callable
        Gives what replaces direct identifiers in requests; at first without a key.
    price : SlotPrice or None
        What the last slot of a week goes for, by the newest run over the queue; None: that of training counts.
    needs_confirmation : bool
        A person must confirm each decision before it has effects; answers say so.
    audit : AuditLogWriter or None
        Where it is said who asked for whose score; None: nowhere.
    """

    def __init__(
        self,
        bundle: Bundle,
        name: str,
        version: str,
        analyses: Mapping[str, Content] | None = None,
        served_as: str = DEFAULT_MODEL,
    ) -> None:
        self.bundle, self.name, self.version, self.served_as = bundle, name, version, served_as
        self.analyses: Mapping[str, Content] = analyses or {}
        self.observe: Observe = _observe_nothing
        self.log: ScoreLogWriter | None = None
        self.marked: Marked = nobody_objected
        without_key = Redactor(None, bundle.identifiers)
        self.redactor: Callable[[], Redactor] = lambda: without_key
        self.price: SlotPrice | None = None
        self.audit: AuditLogWriter | None = None
        self.needs_confirmation = False
        self.model = {
            "served_as": served_as,
            "name": name,
            "version": version,
            "fingerprint": bundle.catalog.fingerprint,
            "label_days": bundle.label_days,
            "base_value": bundle.classifier.base_value,
        }

    @property
    def model_key(self) -> str:
        """What tells this model's answers from those of any other, for what is stored of them."""
        return f"{self.name} {self.version} {self.model['fingerprint']} {self.model['base_value']!r}"

    @classmethod
    def load(cls, folder: Path, name: str, version: str, served_as: str = DEFAULT_MODEL) -> "Scorer":
        """Load and verify a bundle, and the analyses beside it; one that can't be read is left out, and the log says so.

        Raises
        ------
        BundleError
            It is incomplete or altered, or LightGBM can't read its trees.
        """
        bundle = Bundle.load(folder)
        bundle.classifier.read_booster()
        bundle.uncertainty.trees.read_booster()
        analyses, problems = read_all(folder / FOLDER, ANALYSES.values())
        for problem in problems:
            _log.warning("not shown: %s", problem)
        return cls(bundle, name, version, analyses, served_as)

    def warm_up(self) -> None:
        """Compile or load what the first request would otherwise wait for."""
        warm_up_features(self.bundle.catalog)
        for language in ("en", "de"):
            self.answer(json.dumps({**examples.REQUEST, "language": language}).encode(), 0, may_debug=False)

    def answer(self, body: bytes, now: int, may_debug: bool) -> tuple[bytes, int]:
        """Score the leads of a request.

        Parameters
        ----------
        body : bytes
            JSON, shaped as `serving.contract.score.ScoreRequest`.
        now : int
            UTC microseconds; stands in for a missing `snapshot_at`.
        may_debug : bool
            Whether the caller may see feature vectors.

        Returns
        -------
        body : bytes
            JSON, shaped as `serving.contract.score.ScoreAnswer`.
        leads : int
            How many it holds.

        Raises
        ------
        RequestError
            The request can't be answered; names the field.
        """
        return self.answer_parsed(parse_json(body), now, may_debug)

    def answer_parsed(self, value: Any, now: int, may_debug: bool) -> tuple[bytes, int]:
        """Score the leads of a request that is parsed already; see `answer`.

        Parameters
        ----------
        value : object
            As `parse_json` returns it.
        now, may_debug
            As for `answer`.
        """
        ids = lead_ids()
        options = read_options(value if ids is None else ids.inward(value))
        if options.debug and not may_debug:
            message = "debug: feature vectors are only for keys with the scope admin, and where no key is needed, for callers "
            message += "on the same machine without a proxy in between."
            raise RequestError(403, "debug_not_allowed", message, "debug", "Leave debug out.")
        try:
            redactor = self.redactor()
            leads = [
                parse_lead(lead, f"leads[{position}]", now, redactor) for position, lead in enumerate(options.leads)
            ]
            leads = self.marked(leads)
            scores = score_requests(
                self.bundle,
                leads,
                n_reasons=options.reasons,
                language=options.language,
                explain=options.reasons > 0,
                debug=options.debug or self.log is not None,
            )
            changed = changes(self.bundle, leads, n_reasons=options.reasons, language=options.language)
        except JourneyError as error:
            raise refused(error) from None
        scores = [
            with_future_warning(score, lead.path + ".snapshot_at", now, options.language)
            for score, lead in zip(scores, leads, strict=True)
        ]
        names = self.bundle.catalog.names if options.debug else None
        entries = [self.entry(item, names, options.language) for item in scores]
        self.record(now, leads, scores, [entry["decision"] for entry in entries])
        for entry, lead, change in zip(entries, leads, changed, strict=True):
            if lead.changed_since is not None:
                entry["change"] = None if change is None else _change(change)
        # One by one: the interpreter's lock is held while one is written
        written = b",".join(_json(entry) for entry in entries)
        return b'{"leads":[%b],"model":%b}' % (written, _json(self.model)), len(leads)

    def entry(self, item: Score, names: tuple[str, ...] | None, language: str) -> dict[str, Any]:
        """Write one lead's part of an answer; where a person must confirm, its decision says so."""
        entry = score_entry(item, names, self.bundle, language, self.price)
        if self.needs_confirmation and entry["decision"] is not None:
            entry["decision"]["confirmation"] = REQUIRED
        return entry

    def record(
        self,
        now: int,
        leads: Sequence[LeadRequest],
        scores: Sequence[Score],
        decisions: Sequence[Mapping[str, Any] | None] = (),
    ) -> None:
        """Count and log what is answered, whichever route answers.

        Parameters
        ----------
        now : int
            UTC microseconds.
        leads : sequence of LeadRequest
            What came in.
        scores : sequence of Score
            What goes out; where there is a log, with feature vectors.
        decisions : sequence of mapping or None
            What goes out beside them.
        """
        if self.log is not None:
            logged = [row for row, score in enumerate(scores) if score.not_scored != "objected"]
            self.log.add(
                now,
                [scores[row] for row in logged],
                [leads[row].touchpoint_ids for row in logged],
                decisions=[decisions[row] for row in logged] if decisions else (),
            )
        if self.audit is not None:
            ids = [score.lead_id for score in scores if score.not_scored != "objected"]
            self.audit.add(now, ACTOR.get(), "scored", ids, model=self.served_as, model_version=self.version)
        self.observe(leads, scores)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def with_future_warning(score: Score, path: str, now: int, language: str) -> Score:
    """Add a warning where the snapshot lies in the future by more than clocks may differ.

    Parameters
    ----------
    score : Score
        The answer.
    path : str
        Of its snapshot_at, in the request.
    now : int
        UTC microseconds.
    language : {"en", "de"}
        Of the warning.
    """
    if score.snapshot_at - now <= CLOCK_TOLERANCE_US:
        return score
    return replace(score, warnings=(*score.warnings, future_snapshot(path, score.snapshot_at, language)))


def score_entry(
    item: Score, names: tuple[str, ...] | None, bundle: Bundle, language: str, price: SlotPrice | None = None
) -> dict[str, Any]:
    """Write one lead's part of the answer, with the decision of the one place that decides."""
    interval = None if item.low is None else [item.low, item.high]
    decision = decision_of(item, bundle, language, price)
    warnings = (*item.warnings, *price_warnings(decision, language))
    entry: dict[str, Any] = {
        "lead_id": item.lead_id,
        "snapshot_at": _moment(item.snapshot_at),
        "probability": item.probability,
        "interval": interval,
        "tier": item.tier,
        "fit": item.fit,
        "engagement": item.engagement,
        "reasons": _reasons(item.reasons),
        "warnings": [warning_entry(warning) for warning in warnings],
        "not_scored": item.not_scored,
        "decision": decision_json(decision),
    }
    if names is not None and item.vector is not None:
        values = item.vector.astype(np.float64).tolist()
        entry["features"] = {n: None if math.isnan(v) else v for n, v in zip(names, values, strict=True)}
    return entry


def _change(change: Change) -> dict[str, Any]:
    return {
        "since": _moment(change.since),
        "probability_before": change.probability_before,
        "difference": change.difference,
        "reasons": _reasons(change.reasons),
        "not_scored": change.not_scored,
    }


def _reasons(reasons: tuple[Reason, ...]) -> list[dict[str, Any]]:
    return [{"feature": reason.feature, "text": reason.text, "contribution": reason.contribution} for reason in reasons]


def _moment(micros: int) -> str:
    return from_micros(micros).isoformat().replace("+00:00", "Z")
