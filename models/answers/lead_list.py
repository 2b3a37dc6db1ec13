"""What a list of leads says of each: its score, the reasons, and what changed since an earlier moment, in every language.

The numbers are those of `models.answers.scoring.score_requests` and `models.answers.score_changes.changes`; here they are
worked out for many leads and all languages at once, so that a list of 100,000 leads can be kept up to date.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from features.wording.units import LANGUAGES
from models.answers.reasons import Reason, top_reasons
from models.answers.requests import LeadRequest
from models.answers.score_changes import Change, Moment, change_reasons, not_yet
from models.answers.scoring import Score, score_requests
from models.bundle import Bundle

__all__ = ["ListEntry", "list_entries"]


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One lead of a list.

    Attributes
    ----------
    score : Score
        Without reasons; its warnings are in the first language.
    reasons : mapping of str to tuple of Reason
        By language, strongest first; none where the lead is not scored.
    changes : mapping of str to Change
        By language; empty where the lead is not scored.
    """

    score: Score
    reasons: Mapping[str, tuple[Reason, ...]]
    changes: Mapping[str, Change]


def list_entries(
    bundle: Bundle, leads: Sequence[LeadRequest], earlier: Sequence[LeadRequest], *, n_reasons: int = 3
) -> list[ListEntry]:
    """Score leads with reasons and what changed; one entry per lead, in their order.

    Parameters
    ----------
    bundle : Bundle
        The model.
    leads : sequence of LeadRequest
        As for `models.answers.scoring.score_requests`.
    earlier : sequence of LeadRequest
        The same leads at an earlier moment, with what was known of them then.
    n_reasons : int
        At most so many reasons for the score, and for the change.
    """
    if not leads:
        return []
    # Whoever objects is not looked at as of an earlier moment, either
    earlier = [replace(then, objected=now.objected) for then, now in zip(earlier, leads, strict=True)]
    scores = score_requests(bundle, [*leads, *earlier], explain=False, debug=True)
    matrix = np.array([score.vector for score in scores], dtype=np.float32)
    contributions = bundle.classifier.contributions(matrix)
    count, entries = len(leads), []
    for row, lead in enumerate(leads):
        score, then = replace(scores[row], vector=None), scores[count + row]
        since = then.snapshot_at
        if score.not_scored is not None:
            entries.append(ListEntry(score, dict.fromkeys(LANGUAGES, ()), {}))
            continue
        rows = [Moment(scores[i].snapshot_at, matrix[i], contributions[i]) for i in (count + row, row)]
        missing = not_yet(bundle, lead, since) or then.not_scored
        reasons, changes = {}, {}
        for language in LANGUAGES:
            own_reasons = top_reasons(contributions[row], matrix[row], bundle.catalog, n_reasons, language)
            reasons[language] = tuple(own_reasons)
            if missing:
                changes[language] = Change(since, None, None, (), missing)
                continue
            moved = change_reasons(rows[0], rows[1], bundle.catalog, language)
            difference = sum(reason.contribution for reason in moved)
            changes[language] = Change(since, then.probability, difference, tuple(moved[:n_reasons]), None)
        entries.append(ListEntry(score, reasons, changes))
    return entries
