"""The one table of event kinds: what the online store takes, by which route, and how it is checked and documented."""

from collections.abc import Mapping

from serving.contract.event_kinds.handovers import HANDOVERS
from serving.contract.event_kinds.identities import IDENTITIES
from serving.contract.event_kinds.kind import EventKind
from serving.contract.event_kinds.leads import LEADS
from serving.contract.event_kinds.merged_leads import MERGED_LEADS
from serving.contract.event_kinds.objections import OBJECTIONS
from serving.contract.event_kinds.outcomes import OUTCOMES
from serving.contract.event_kinds.stage_changes import STAGE_CHANGES
from serving.contract.event_kinds.touchpoints import TOUCHPOINTS

__all__ = ["EVENT_KINDS", "EventKind"]

EVENT_KINDS: Mapping[str, EventKind] = {
    kind.name: kind
    for kind in (TOUCHPOINTS, LEADS, STAGE_CHANGES, OUTCOMES, HANDOVERS, IDENTITIES, MERGED_LEADS, OBJECTIONS)
}
"""By name. How each is written stands in `serving.store.writers`, for those that are more than rows of a table."""
