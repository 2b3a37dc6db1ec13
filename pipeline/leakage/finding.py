"""A finding of the audit: what, evidence, severity and what to do, and what a project makes of it."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from features.errors import DataError, LeakageError, ParameterError

__all__ = [
    "Finding",
    "Severity",
    "Status",
    "open_blocks",
    "read_findings",
    "refuse_leaks",
    "refuse_stale",
    "settle",
    "stale",
]

Severity = Literal["block", "warn", "info"]
Status = Literal["open", "withheld", "accepted"]
RANK: Mapping[str, int] = {"block": 0, "warn": 1, "info": 2}


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes
    ----------
    subject : str
        A column's name, ``kind:<name>`` or ``channel:<name>`` of touchpoints, ``table:<name>``, or ``snapshots``.
    detector : str
        The detector that found it.
    strength : {"block", "warn", "info"}
        What the evidence by itself says.
    evidence : mapping of str to plain value
        Figures: shares and AUCs in [0, 1], counts of rows, moments as ISO text.
    what, shown, todo : mapping of str to str
        What was found, the evidence in words, and what to do: language to sentence.
    severity : {"block", "warn", "info"}
        What it means for this project: a withheld finding is an `info` whatever its strength.
    status : {"open", "withheld", "accepted"}
        Withheld: nothing of it becomes a feature or a training row. Accepted: `params.yaml` says why it stays.
    reason : str
        Of an accepted finding, as `params.yaml` states it; else empty.
    """

    subject: str
    detector: str
    strength: Severity
    evidence: Mapping[str, Any]
    what: Mapping[str, str]
    shown: Mapping[str, str]
    todo: Mapping[str, str]
    severity: Severity = "info"
    status: Status = "open"
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Finding":
        """Make one of what `as_dict` gave."""
        return cls(**plain)


def settle(
    findings: Iterable[Finding], withheld: Iterable[str] = (), accepted: Mapping[str, str] | None = None
) -> list[Finding]:
    """Decide what each finding means here; sorted by severity, then subject, worst first.

    Parameters
    ----------
    findings : iterable of Finding
        As the detectors gave them; one that a detector already calls withheld stays so.
    withheld : iterable of str
        Subjects that never become features.
    accepted : mapping of str to str, optional
        Subject to reason, from `params.yaml`.
    """
    kept, reasons = set(withheld), accepted or {}
    settled = []
    for finding in findings:
        if finding.status == "withheld" or finding.subject in kept:
            settled.append(dataclasses.replace(finding, status="withheld", severity="info"))
        elif finding.subject in reasons and finding.strength != "info":
            reason = reasons[finding.subject]
            settled.append(dataclasses.replace(finding, status="accepted", severity=finding.strength, reason=reason))
        else:
            settled.append(dataclasses.replace(finding, severity=finding.strength))
    return sorted(
        settled, key=lambda f: (RANK[f.severity], f.status != "open", RANK[f.strength], f.subject, f.detector)
    )


def stale(findings: Sequence[Finding], accepted: Mapping[str, str]) -> list[str]:
    """List the subjects that are accepted although nothing is found, or nothing that needs it; sorted."""
    return sorted(set(accepted) - {finding.subject for finding in findings if finding.status == "accepted"})


def refuse_stale(findings: Sequence[Finding], accepted: Mapping[str, str]) -> None:
    """Stop when something is accepted that needs no acceptance: it would hide a later finding of the same name.

    Raises
    ------
    ParameterError
        If `stale` lists a subject.
    """
    unmet = stale(findings, accepted)
    if not unmet:
        return
    allowed = sorted({finding.subject for finding in findings if finding.status != "withheld"})
    raise ParameterError(
        f"params.yaml: audit.accepted names {', '.join(map(repr, unmet))}, of which nothing is found that needs it. "
        f"Allowed are subjects of open findings: {', '.join(allowed) or 'none'}. Remove the stale entries."
    )


def open_blocks(findings: Iterable[Finding]) -> list[Finding]:
    """Keep the findings that stop training."""
    return [finding for finding in findings if finding.severity == "block" and finding.status == "open"]


def read_findings(path: Path) -> list[Finding]:
    """Read what the stage `audit` wrote.

    Raises
    ------
    DataError
        If the file is missing or not what the stage writes.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file; it holds the audit's findings. Run `dvc repro`, which makes it.")
    try:
        return [Finding.from_dict(item) for item in json.loads(path.read_text(encoding="utf-8"))["findings"]]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not the audit's findings ({error}). Run the stage `audit` again.") from error


def refuse_leaks(findings: Sequence[Finding]) -> None:
    """Stop training on data in which something knows the outcome.

    Raises
    ------
    LeakageError
        While any finding of severity `block` is neither withheld nor accepted.
    """
    blocks = open_blocks(findings)
    if not blocks:
        return
    lines = [
        f"  {finding.subject} ({finding.detector}): {finding.what['en']} {finding.shown['en']}" for finding in blocks
    ]
    raise LeakageError(
        f"training is refused: {len(blocks)} finding(s) of the leakage audit say that the data knows the outcome:\n"
        + "\n".join(lines)
        + "\nWithhold it (in the source's `attributes` view, known_at 'after'; for snapshots, split.train_from), or, if it is "
        "honest, name its subject with a reason under audit.accepted in params.yaml. See reports/audit.html."
    )
