"""What of a journey a model can't use: values that training never saw, and touchpoints that were still to come."""

from collections.abc import Sequence

import numpy as np

from features import timeline
from features.attributes import AttributeSpec, AttributeValues, encode
from features.catalog import Catalog
from features.compute import Snapshots
from features.journeys import CREATED, STAGE_PREFIX, Journeys

__all__ = ["ignored_touchpoints", "unknown_categories", "unknown_values"]


def unknown_values(journeys: Journeys, catalog: Catalog) -> list[list[tuple[str, str]]]:
    """List, per lead, the kinds and channels of its journey that training never saw; for warnings only.

    They still count in `all` and wherever a selector's pattern fits.

    Parameters
    ----------
    journeys : Journeys
        All touchpoints are checked, future ones too. Stage changes and the creation are not.
    catalog : Catalog
        An empty list of known values means that none was recorded: nothing is reported.

    Returns
    -------
    list of list of (field, value)
        One list per lead, sorted; field is "kind" or "channel".
    """
    unknown_of_lead: list[set[tuple[str, str]]] = [set() for _ in range(len(journeys))]
    for field, values, codes, known_values in (
        ("kind", journeys.kinds, journeys.kind, set(catalog.known_kinds)),
        ("channel", journeys.channels, journeys.channel, set(catalog.known_channels)),
    ):
        if not known_values:
            continue
        new = [value not in known_values for value in values]
        if field == "kind":
            new = [
                is_new and value != CREATED and not value.startswith(STAGE_PREFIX)
                for is_new, value in zip(new, values, strict=True)
            ]
        if not any(new):
            continue
        rows = np.flatnonzero(np.array([*new, False])[codes])  # code -1, missing, looks up the last entry
        leads = np.searchsorted(journeys.offsets, rows, side="right") - 1
        for lead, code in set(zip(leads.tolist(), codes[rows].tolist(), strict=True)):
            unknown_of_lead[lead].add((field, values[code]))
    return [sorted(pairs) for pairs in unknown_of_lead]


def ignored_touchpoints(journeys: Journeys, snapshots: Snapshots) -> np.ndarray:
    """Count, per snapshot, the lead's touchpoints and stage changes that it can't see because they were still to come.

    Parameters
    ----------
    journeys : Journeys
        Of at least the leads that the snapshots name.
    snapshots : Snapshots
        Rows.

    Returns
    -------
    ndarray of int64 [snapshots]
        How many occurred, or were recorded, at or after `snapshot_at`. The lead's creation counts too.
    """
    out = np.zeros(len(snapshots), dtype=np.int64)
    visible_after = np.maximum(journeys.occurred_at, journeys.recorded_at)
    for row, (lead, at) in enumerate(zip(snapshots.lead_index.tolist(), snapshots.snapshot_at.tolist(), strict=True)):
        lead_moments = visible_after[journeys.offsets[lead] : journeys.offsets[lead + 1]]
        out[row] = len(lead_moments) - np.count_nonzero(timeline.before(lead_moments, at))
    return out


def unknown_categories(
    attributes: AttributeValues, catalog: Catalog, rows: int | None = None
) -> list[list[tuple[str, str]]]:
    """List, per snapshot, the categories without a code of their own: never seen in training, or rare there.

    Parameters
    ----------
    attributes : mapping of str to sequence
        As for `compute_features`.
    catalog : Catalog
        With the known categories.
    rows : int, optional
        Number of snapshots; needed only when `attributes` may be empty.

    Returns
    -------
    list of list of (attribute, value)
    """
    specs: Sequence[AttributeSpec] = [spec for spec in catalog.attributes if spec.type == "category"]
    return encode(attributes, specs, rows)[1]
